/* Says hello from every processor. */
#include "lib.h"
static volatile u32 said;
static void ap(u32 n) { (void)n; atomic_add(&said, 1); for (;;) hlt(); }
int kernel_main(void)
{
	u32 n = start_all(ap);
	while (said < n - 1) pause();
	print("hello from %u processors\n", (u64)n);
	return 0;
}
