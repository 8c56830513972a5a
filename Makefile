# SPDX-License-Identifier: MIT
# One makefile for all: sources are found by wildcard, objects go to build/, or
# beside it with SAN=address,undefined or SAN=thread. A source says itself what
# it needs to be linked with, in a line "// LDLIBS: -lfoo".

VERSION = 0.1.0
CC = gcc
OPT = -O2 -g
WARN = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wimplicit-fallthrough -Wwrite-strings -Wvla
CFLAGS = $(OPT)
prefix = /usr/local
bindir = $(prefix)/bin
libdir = $(prefix)/lib
includedir = $(prefix)/include
datadir = $(prefix)/share
mandir = $(datadir)/man
docdir = $(datadir)/doc/vm-utils
unitdir = $(prefix)/lib/systemd/user
INSTALL = install
Q = $(if $(V),,@)# make V=1 shows commands
B = build$(if $(SAN),-san$(if $(filter thread,$(SAN)),-thread))

# The engine's inner loop lives on tail calls and registers.
SOFT_CFLAGS = -fno-strict-aliasing $(if $(SAN),,-O2 -fno-stack-protector \
	-foptimize-sibling-calls -fomit-frame-pointer)

# Under a sanitizer gcc no longer sees that a conversion is harmless.
SAN_FLAGS = $(if $(SAN),-fsanitize=$(SAN) -fno-omit-frame-pointer \
	-fno-sanitize-recover=all -Wno-conversion -Wno-sign-conversion)
ALL_CPPFLAGS = -I. -D_GNU_SOURCE -DVERSION='"$(VERSION)"' $(CPPFLAGS)
ALL_CFLAGS = -std=gnu11 -fPIC -pthread $(WARN) $(CFLAGS) \
	$(if $(WERROR),-Werror) $(SAN_FLAGS) $(DIR_CFLAGS)
ALL_LDFLAGS = -pthread -Wl,--as-needed $(LDFLAGS) $(SAN_FLAGS)
ldlibs = $(shell sed -n 's,^// LDLIBS: ,,p' $(1) /dev/null)

LIB_SRC := $(wildcard lib/*.c lib/*/*.c dev/*.c vmm/*.c vmm/*/*.c)
LIB_OBJ := $(LIB_SRC:%.c=$(B)/%.o)
LIB_LIBS := $(sort $(call ldlibs,$(LIB_SRC)))
# bin/vm-x.c is a tool; bin/x/*.c belong to it, bin/tool*.c to all.
TOOL_SRC := $(wildcard bin/vm*.c)
TOOLS := $(TOOL_SRC:bin/%.c=%)
TOOL_OBJ := $(patsubst %.c,$(B)/%.o,$(wildcard bin/tool*.c))
UNIT_SRC := $(wildcard tests/unit/*.c)
UNIT := $(UNIT_SRC:%.c=$(B)/%)
GUEST := $(patsubst %.S,$(B)/%.elf,$(wildcard tests/cpu/*.S))
# Fuzz targets, which replay their corpus unless libFuzzer drives them.
FUZZ_SRC := $(filter-out %/replay.c,$(wildcard tests/fuzz/*.c))
FUZZ := $(FUZZ_SRC:%.c=$(B)/%)
BENCH_SRC := $(wildcard tests/bench/*.c)
BENCH := $(BENCH_SRC:%.c=$(B)/%)
BATS := $(wildcard tests/*.bats)
MAN := $(wildcard man/*.[1-8])
DOCS := $(wildcard LICENSE README* SPEC.md doc/*)
EXAMPLES := $(shell find examples -type f)
# What lies in share/ is installed there: completions, and what they ask.
SHARE := $(shell find share -type f)
# bash and fish look for a completion by the command's name.
LINKS = $(TOOLS:%=bash-completion/completions/%) \
	$(TOOLS:%=fish/vendor_completions.d/%.fish)
UNITS := $(wildcard examples/systemd/vm@.service \
	examples/systemd/vm-autostart.service)
EXAMPLE_BIN := $(patsubst %.c,$(B)/%,$(wildcard examples/*.c)) \
	$(patsubst %.S,$(B)/%.bin,$(wildcard examples/*.S))
ALL_SRC := $(LIB_SRC) $(wildcard bin/*.c bin/*/*.c) $(UNIT_SRC) $(BENCH_SRC) \
	$(wildcard tests/fuzz/*.c)
# Packages first, where the goal asks for them.
FIRST := $(if $(filter check demo soak bench screenshots,$(MAKECMDGOALS)),deps)

all: $(TOOLS:%=$(B)/bin/%) $(B)/lib/libvmm.so $(B)/libvmm.a

.SECONDEXPANSION:

$(B)/vmm/soft/%.o: DIR_CFLAGS = $(SOFT_CFLAGS)

$(B)/%.o: %.c | $(FIRST)
	@mkdir -p $(@D)
	$(if $(Q),@echo '  CC   $@')
	$(Q)$(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/libvmm.a: $(LIB_OBJ)
	$(if $(Q),@echo '  AR   $@')
	$(Q)rm -f $@
	$(Q)$(AR) rcs $@ $^

# The library's tables need 9,000 relative relocations: packed they are 200 kB
# less to read at each start, where linker and C library know of that.
PACKED = $(shell mkdir -p $(B) && echo 'int main(void) { return 0; }' | \
	$(CC) -x c - -Wl,--fatal-warnings,-z,pack-relative-relocs \
	-o $(B)/packed 2>/dev/null && $(B)/packed && \
	echo -Wl,-z,pack-relative-relocs; rm -f $(B)/packed)

$(B)/lib/libvmm.so.0: $(LIB_OBJ) lib/libvmm.map
	@mkdir -p $(@D)
	$(if $(Q),@echo '  LD   $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -shared $(PACKED) -Wl,-soname,libvmm.so.0 \
		-Wl,--version-script=lib/libvmm.map -o $@ $(LIB_OBJ) $(LIB_LIBS)

$(B)/lib/libvmm.so: $(B)/lib/libvmm.so.0
	$(Q)ln -sf libvmm.so.0 $@

percent = %
$(B)/bin/%: $(B)/bin/%.o $(TOOL_OBJ) $(B)/lib/libvmm.so \
	$$(patsubst $$(percent).c,$(B)/$$(percent).o,\
	$$(wildcard bin/$$(subst vm-,,$$*)/*.c))
	$(if $(Q),@echo '  LD   $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -Wl,-rpath,'$$ORIGIN/../lib' -o $@ \
		$(filter %.o,$^) -L$(B)/lib -lvmm \
		$(call ldlibs,bin/$*.c $(wildcard bin/$(*:vm-%=%)/*.c))

$(B)/tests/unit/% $(B)/tests/bench/%: $$@.o $(B)/libvmm.a
	$(if $(Q),@echo '  LD   $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(B)/libvmm.a \
		$(call ldlibs,$(@:$(B)/%=%.c)) $(LIB_LIBS) -lm

FUZZ_MAIN = $(if $(FUZZER),-fsanitize=fuzzer,$(B)/tests/fuzz/replay.o)
$(B)/tests/fuzz/%: $$@.o $(B)/tests/fuzz/replay.o $(B)/libvmm.a
	$(if $(Q),@echo '  LD   $@')
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(FUZZ_MAIN) $(B)/libvmm.a \
		$(call ldlibs,$(@:$(B)/%=%.c)) $(LIB_LIBS) -lm

# Guests without an operating system. "// CFLAGS: -m32" in the source is obeyed.
$(B)/tests/cpu/%.elf: tests/cpu/%.S tests/cpu/guest.ld \
	$(wildcard tests/cpu/*.h tests/cpu/*.inc)
	@mkdir -p $(@D)
	$(if $(Q),@echo '  AS   $@')
	$(Q)$(CC) -I. $$(sed -n 's,^// CFLAGS: ,,p' $<) -nostdlib -static -no-pie \
		-Wl,--build-id=none -T tests/cpu/guest.ld -o $@ $<

# Programs as their authors would build them: one header, one library.
$(B)/examples/%: examples/%.c lib/vmm.h $(B)/lib/libvmm.so
	@mkdir -p $(@D)
	$(if $(Q),@echo '  CC   $@')
	$(Q)$(CC) $(WARN) $(CFLAGS) $(SAN_FLAGS) $(if $(WERROR),-Werror) -Ilib \
		-o $@ $< -Wl,-rpath,'$$ORIGIN/../lib' -L$(B)/lib -lvmm

# A guest as a BIOS would load it.
$(B)/examples/%.bin: examples/%.S
	@mkdir -p $(@D)
	$(if $(Q),@echo '  AS   $@')
	$(Q)$(CC) -m32 -nostdlib -static -no-pie -Wl,--build-id=none \
		-Wl,-Ttext=0x7c00 -Wl,--oformat=binary -o $@ $<

examples: $(EXAMPLE_BIN)

# --- tests ---

# What takes longest begins first.
TESTS = tests/realkvm/check.sh $(UNIT) $(FUZZ) $(BATS)
# Further unit tests for the same run: those of another build.
MORE =
BUILT = all units $(GUEST) $(BENCH) examples guests

units: $(UNIT) $(FUZZ)

unit: units $(GUEST)
	$(Q)B=$(B) prove -j2 -e tests/run $(UNIT)

check: $(BUILT) | $(FIRST)
	$(Q)B=$(B) prove -j2 -e tests/run \
		$(TESTS:tests/%.c=$(B)/tests/%) $(MORE)

# Kernels and the like that tests boot; without a network those are skipped.
guests: | $(FIRST)
	@mkdir -p build $(B)
	-tests/guests/fetch.sh build/guests
	@[ -e $(B)/guests ] || ln -s $(CURDIR)/build/guests $(B)/guests

# What takes hours in tests/soak, then the tests again and again, for SOAK
# seconds or until one fails.
SOAK = 3600
soak: $(BUILT) | $(FIRST)
	B=$(B) prove -e tests/run $(wildcard tests/soak/*.bats)
	end=$$(($$(date +%s) + $(SOAK))); \
	while [ $$(date +%s) -lt $$end ]; do \
		B=$(B) prove -Q -j2 -e tests/run $(TESTS) || exit 1; \
	done

# With clang's libFuzzer, FUZZ_TIME seconds each, from the corpus on; what it
# finds is left in build-fuzz/.
FUZZ_TIME = 60
fuzz:
	+$(Q)$(MAKE) B=build-fuzz CC=clang SAN=address,undefined,fuzzer-no-link \
		FUZZER=1 $(FUZZ_SRC:%.c=build-fuzz/%)
	$(Q)for t in $(FUZZ_SRC:tests/fuzz/%.c=%); do \
		mkdir -p build-fuzz/corpus/$$t tests/fuzz/corpus/$$t; \
		build-fuzz/tests/fuzz/$$t -max_total_time=$(FUZZ_TIME) \
			-max_len=65536 -artifact_prefix=build-fuzz/$$t- \
			build-fuzz/corpus/$$t tests/fuzz/corpus/$$t || exit 1; \
	done

bench: $(BUILT) | $(FIRST)
	$(Q)B=$(B) tests/bench/run.sh

DEMO = $(B)/bin/vm-run --timeout 5m
demo: all examples guests | $(FIRST)
	@if [ -e $(B)/guests/initrd-demo.gz ]; then \
		$(DEMO) -k $(B)/guests/vmlinuz-cloud \
			-i $(B)/guests/initrd-demo.gz \
			-a 'console=ttyS0 quiet' </dev/null; \
	else \
		echo "No Debian kernel without a network; a small guest instead:"; \
		$(DEMO) --flat -k $(B)/examples/hello.bin </dev/null; \
	fi

# The pictures of the README, made by what they show.
screenshots: all guests | $(FIRST)
	$(Q)B=$(B) tests/screenshots.sh doc

lint: $(TOOLS:%=$(B)/bin/%)
	B=$(B) CC='$(CC)' tests/lint.sh

deps:
	.ci/deps

# --- the rest ---

install: all
	$(INSTALL) -d $(DESTDIR)$(bindir) $(DESTDIR)$(libdir)/pkgconfig \
		$(DESTDIR)$(includedir) $(DESTDIR)$(docdir)/examples
	for t in $(TOOLS); do \
		$(INSTALL) $(B)/bin/$$t $(DESTDIR)$(bindir)/ || exit 1; done
	$(INSTALL) -m 644 $(B)/lib/libvmm.so.0 $(DESTDIR)$(libdir)/
	ln -sf libvmm.so.0 $(DESTDIR)$(libdir)/libvmm.so
	$(INSTALL) -m 644 lib/vmm.h $(DESTDIR)$(includedir)/
	sed -e 's,@prefix@,$(prefix),' -e 's,@libdir@,$(libdir),' \
		-e 's,@includedir@,$(includedir),' -e 's,@version@,$(VERSION),' \
		lib/libvmm.pc.in >$(DESTDIR)$(libdir)/pkgconfig/libvmm.pc
	$(INSTALL) -m 644 $(DOCS) $(DESTDIR)$(docdir)/
	for f in $(EXAMPLES); do \
		$(INSTALL) -D -m $$(stat -c %a $$f) $$f \
			$(DESTDIR)$(docdir)/$$f || exit 1; done
	for f in $(SHARE:share/%=%); do \
		$(INSTALL) -D -m $$(stat -c %a share/$$f) share/$$f \
			$(DESTDIR)$(datadir)/$$f || exit 1; done
	for f in $(filter-out %/vm %/vm.fish,$(LINKS)); do \
		case $$f in *.fish) t=vm.fish ;; *) t=vm ;; esac; \
		ln -sf $$t $(DESTDIR)$(datadir)/$$f || exit 1; done
	$(INSTALL) -d $(DESTDIR)$(unitdir)
	for u in $(UNITS); do \
		sed 's,/usr/local/bin/,$(bindir)/,' $$u \
			>$(DESTDIR)$(unitdir)/$${u##*/} || exit 1; done
	for m in $(MAN); do d=$(DESTDIR)$(mandir)/man$${m##*.}; \
		$(INSTALL) -d $$d && $(INSTALL) -m 644 $$m $$d/ || exit 1; done

uninstall:
	rm -f $(TOOLS:%=$(DESTDIR)$(bindir)/%) \
		$(DESTDIR)$(libdir)/libvmm.so $(DESTDIR)$(libdir)/libvmm.so.0 \
		$(DESTDIR)$(libdir)/pkgconfig/libvmm.pc \
		$(DESTDIR)$(includedir)/vmm.h
	for m in $(MAN); do \
		rm -f $(DESTDIR)$(mandir)/man$${m##*.}/$${m##*/}; done
	rm -f $(SHARE:share/%=$(DESTDIR)$(datadir)/%) \
		$(LINKS:%=$(DESTDIR)$(datadir)/%) \
		$(UNITS:examples/systemd/%=$(DESTDIR)$(unitdir)/%)
	rm -rf $(DESTDIR)$(docdir)

compile_commands.json: $(ALL_SRC) Makefile
	@{ s='['; for f in $(ALL_SRC); do \
		printf '%s\n{"directory": "%s", "file": "%s", "command": "%s"}' \
		"$$s" '$(CURDIR)' $$f "$(CC) $(subst ",\\\\\\\",$(subst ',,\
		$(ALL_CPPFLAGS))) $(strip $(ALL_CFLAGS)) -c $$f"; s=,; \
	done; printf '\n]\n'; } >$@

clean:
	rm -rf build build-san build-san-thread build-fuzz compile_commands.json

.PHONY: all examples units unit check guests soak fuzz bench demo screenshots \
	lint deps install uninstall clean
.SECONDARY:
-include $(ALL_SRC:%.c=$(B)/%.d)
