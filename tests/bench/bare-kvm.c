/* SPDX-License-Identifier: MIT */
/*
 * The yardstick for launch time: a program that makes the KVM calls any machine
 * makes (a split irqchip, memory, the host's CPUID, registers), runs a flat
 * real-mode guest and exits at its first port write. With -n COUNT it repeats a
 * guest's port exits and prints the mean nanoseconds of one.
 */
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define RAM (128u << 20)
#define CHECK(x)                                                               \
	do {                                                                   \
		if ((x) < 0) {                                                 \
			perror(#x);                                            \
			return 1;                                              \
		}                                                              \
	} while (0)

static int
boot(int cpu, uint64_t at)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = at, .rflags = 2};

	if (ioctl(cpu, KVM_GET_SREGS, &sregs) < 0)
		return -1;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	return ioctl(cpu, KVM_SET_SREGS, &sregs) < 0
		       ? -1
		       : ioctl(cpu, KVM_SET_REGS, &regs);
}

/* The guest's CPUID is the host's. */
static int
give_cpuid(int dev, int cpu)
{
	enum { LEAVES = 128 };
	struct kvm_cpuid2 *id =
		calloc(1, sizeof(*id) + LEAVES * sizeof(id->entries[0]));
	int r = -1;

	if (id) {
		id->nent = LEAVES;
		r = ioctl(dev, KVM_GET_SUPPORTED_CPUID, id);
		if (r == 0)
			r = ioctl(cpu, KVM_SET_CPUID2, id);
	}
	free(id);
	return r;
}

int
main(int argc, char **argv)
{
	/* out %al, $0x80; jmp back - and for a launch: the first is enough */
	static const uint8_t code[] = {0xe6, 0x80, 0xeb, 0xfc};
	long count = argc > 2 && strcmp(argv[1], "-n") == 0 ? atol(argv[2]) : 1;
	struct kvm_enable_cap split = {
		.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {24}};
	struct kvm_userspace_memory_region slot = {.memory_size = RAM};
	struct timespec a, b;
	int dev, vm, cpu, size;
	uint8_t *ram;

	CHECK(dev = open("/dev/kvm", O_RDWR | O_CLOEXEC));
	CHECK(vm = ioctl(dev, KVM_CREATE_VM, 0));
	CHECK(ioctl(vm, KVM_ENABLE_CAP, &split));
	ram = mmap(NULL, RAM, PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ram == MAP_FAILED)
		return 1;
	memcpy(ram + 0x7c00, code, sizeof(code));
	slot.userspace_addr = (uintptr_t)ram;
	CHECK(ioctl(vm, KVM_SET_USER_MEMORY_REGION, &slot));
	CHECK(cpu = ioctl(vm, KVM_CREATE_VCPU, 0));
	CHECK(size = ioctl(dev, KVM_GET_VCPU_MMAP_SIZE, 0));
	if (mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu,
		    0) == MAP_FAILED)
		return 1;
	CHECK(give_cpuid(dev, cpu));
	CHECK(boot(cpu, 0x7c00));
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (long n = 0; n < count; n++)
		CHECK(ioctl(cpu, KVM_RUN, 0));
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (count > 1)
		printf("%.0f\n", ((double)(b.tv_sec - a.tv_sec) * 1e9 +
					 (double)(b.tv_nsec - a.tv_nsec)) /
					 (double)count);
	return 0;
}
