# SPDX-License-Identifier: GPL-2.0-or-later
#
# make                build/vnetctl; CC=clang, CFLAGS=..., V=1 (show commands)
# make DEV=1          build/dev/vnetctl: -Werror and the sanitizers
# make install        below PREFIX, in DESTDIR; "make uninstall" takes it away
# make setcap         give the installed vnetctl, else the built one, its file capabilities
# make deps           install what building and testing need
# make check          every test; T=NAME for one; "check-long" for the long ones too
# make fuzz           60 s of each fuzz target; FUZZ_SECONDS=N, T=NAME for one
# make lint demo bench unit test-tools fuzz-build clean

VERSION = 0.1

PREFIX ?= /usr/local
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
BASHCOMPDIR ?= $(PREFIX)/share/bash-completion/completions
DESTDIR ?=

PKG_CONFIG ?= pkg-config
INSTALL ?= install

# Another directory is another configuration: make BUILD=build/clang CC=clang
BUILD = build

dev := $(filter 1,$(DEV))
O := $(BUILD)$(if $(dev),/dev)

SRCS := $(sort $(wildcard src/*.c))
OBJS := $(SRCS:src/%.c=$(O)/obj/%.o)
TOOLS := $(patsubst tests/tools/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/tools/*.c)))
UNITS := $(patsubst tests/unit/%.c,$(BUILD)/dev/unit/%,$(sort $(wildcard tests/unit/test_*.c)))

LIBS := libmnl libcap
LIB_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(LIBS) 2>/dev/null)
LIB_LIBS := $(shell $(PKG_CONFIG) --libs $(LIBS) 2>/dev/null)

# $(call try,FLAGS): FLAGS when this compiler takes them
try = $(shell $(CC) -Werror $(1) -fsyntax-only -x c /dev/null 2>/dev/null && echo '$(1)')

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wmissing-declarations \
	-Wold-style-definition -Wredundant-decls -Wnested-externs -Wformat=2 -Wundef -Wvla \
	-Wwrite-strings -Wpointer-arith -Wimplicit-fallthrough -Wdate-time \
	-Wdouble-promotion \
	$(call try,-Wlogical-op -Wduplicated-cond -Wduplicated-branches -Wjump-misses-init)

HARDEN_CC := -fPIE -fstack-protector-strong $(call try,-fstack-clash-protection)
HARDEN_LD := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack

ifdef dev
MODE := -O1 -fno-omit-frame-pointer -Werror -U_FORTIFY_SOURCE
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
else
MODE := -O2
SANITIZE :=
# It needs an optimiser, gets in the way of the sanitizers, and a distribution may set its own.
ifeq ($(filter -O0 -fsanitize=%,$(CFLAGS))$(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),)
MODE += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
endif
endif

# What the user gives comes last and wins.
BASE_CFLAGS := -std=gnu11 -g $(WARN)
ALL_CPPFLAGS = -D_GNU_SOURCE= -D_FILE_OFFSET_BITS=64 -DVNETCTL_VERSION='"$(VERSION)"' -Isrc $(LIB_CFLAGS) $(CPPFLAGS)
ALL_CFLAGS = $(BASE_CFLAGS) $(MODE) $(HARDEN_CC) $(SANITIZE) $(CFLAGS)
ALL_LDFLAGS = $(HARDEN_LD) -Wl,--as-needed $(SANITIZE) $(LDFLAGS)
COMPILE = $(CC) $(ALL_CPPFLAGS) $(ALL_CFLAGS) -MMD -MP

Q := $(if $(filter 1,$(V)),,@)
quiet := $(filter 1,$(V))$(findstring s,$(firstword -$(MAKEFLAGS)))
say = @$(if $(quiet),:,printf '  %-7s %s\n')

# A build as root in somebody's tree leaves files that they can build on.
give_back = [ "$$(id -u)" != 0 ] || [ ! -d $(BUILD) ] || \
	chown -R --reference=Makefile $(BUILD) 2>/dev/null || :
# What the tests start must not take itself for a part of this make.
alone = env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES
# Recursion, because the first step of these targets may install the compiler.
sub = +@$(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

all: $(O)/vnetctl
	@$(give_back)

$(O)/vnetctl: $(OBJS)
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) $(CFLAGS) -o $@ $(OBJS) $(LIB_LIBS)

$(O)/obj/%.o: src/%.c $(O)/flags
	$(say) CC $<
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -c -o $@ $<

# Rewritten only when the compiler, a flag or the list of sources changes.
$(O)/flags: FORCE | require
	$(Q)mkdir -p $(@D)
	$(Q)now='$(subst ','\'',$(COMPILE) $(ALL_LDFLAGS) $(LIB_LIBS) $(SRCS))'; \
	[ "$$(cat $@ 2>/dev/null)" = "$$now" ] || printf '%s\n' "$$now" >$@

require:
	@miss=; command -v $(firstword $(CC)) >/dev/null || miss=' a C compiler ($(CC)),'; \
	if ! command -v $(PKG_CONFIG) >/dev/null; then miss="$$miss $(PKG_CONFIG),"; \
	else for l in $(LIBS); do $(PKG_CONFIG) --exists $$l || miss="$$miss $$l,"; done; fi; \
	[ -z "$$miss" ] || { echo "vnetctl needs$${miss%,}: 'make deps' installs what is missing" >&2; \
	exit 1; }

# --- tests ---

# Unit tests link the sanitized objects; they bring their own main.
ifdef dev
unit: $(UNITS)
	@$(give_back)

UNIT_OBJS := $(filter-out $(O)/obj/vnetctl.o,$(OBJS)) $(O)/obj/vnetctl.unit.o

$(O)/obj/vnetctl.unit.o: src/vnetctl.c $(O)/flags
	$(say) CC '$< (main renamed)'
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -Dmain=vnetctl_main -Wno-missing-prototypes -Wno-missing-declarations -c -o $@ $<

$(O)/unit/%: tests/unit/%.c $(UNIT_OBJS) $(O)/flags | require-cmocka
	$(say) UNIT $<
	$(Q)mkdir -p $(@D)
	$(Q)$(COMPILE) -MF $(O)/obj/unit-$*.d $(shell $(PKG_CONFIG) --cflags cmocka 2>/dev/null) \
		$(ALL_LDFLAGS) -o $@ $< \
		$(UNIT_OBJS) $(LIB_LIBS) $(shell $(PKG_CONFIG) --libs cmocka 2>/dev/null)

require-cmocka:
	@$(PKG_CONFIG) --exists cmocka || \
	{ echo "the unit tests need cmocka: 'make deps' installs what is missing" >&2; exit 1; }
else
unit:
	$(sub) DEV=1 unit
endif

test-tools: $(TOOLS)
	@$(give_back)

$(BUILD)/tests/%: tests/tools/%.c $(O)/flags
	$(say) TOOL $<
	$(Q)mkdir -p $(@D) $(O)/obj
	$(Q)$(COMPILE) -MF $(O)/obj/tool-$*.d $(ALL_LDFLAGS) -o $@ $< $(LIB_LIBS) -pthread

# Fuzz targets are src/ with its calls that leave the process bound to fakes, by clang alone.
# Where 64-bit offsets are asked for, the C library's calls have other names (open64).
FUZZ_CC ?= clang
FUZZ_SECONDS ?= 60
F := $(BUILD)/fuzz
FUZZERS := $(patsubst tests/fuzz/fuzz_%.c,$(F)/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_OBJS := $(patsubst src/%.c,$(F)/obj/%.o,$(filter-out src/fail.c,$(SRCS))) \
	$(F)/obj/fail_again.o
FUZZ_TESTS := $(F)/obj/fakes.o $(FUZZERS:$(F)/%=$(F)/obj/fuzz_%.o)
FUZZ_SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=all
FUZZ_COMPILE = $(FUZZ_CC) $(ALL_CPPFLAGS) -std=gnu11 -g -O1 -fno-omit-frame-pointer \
	-U_FORTIFY_SOURCE -U_FILE_OFFSET_BITS $(FUZZ_SANITIZE) -fsanitize=fuzzer-no-link -MMD -MP

fuzz-build: $(FUZZERS)
	@$(give_back)

$(F)/doors: tests/fuzz/doors
	$(Q)mkdir -p $(F)/obj
	$(Q)sed '/^#/d' $< | tr -s ' ' '\n' | sed 's/.*/& fake_&/' >$@

# Warnings about src/ are the other compilations' business.
$(F)/obj/%.o: src/%.c $(F)/doors Makefile | require require-fuzz
	$(say) CC '$< (fuzz)'
	$(Q)$(FUZZ_COMPILE) $(if $(filter vnetctl,$*),-Dmain=vnetctl_main) -w -MF $(@:.o=.d) \
		-c -o $@ $<
	$(Q)objcopy --redefine-syms=$(F)/doors $@

$(F)/obj/fail_again.o: tests/fuzz/fail_again.c $(F)/doors Makefile | require require-fuzz
	$(say) CC $<
	$(Q)$(FUZZ_COMPILE) -MF $(@:.o=.d) -c -o $@ $<
	$(Q)objcopy --redefine-syms=$(F)/doors $@

$(FUZZ_TESTS): $(F)/obj/%.o: tests/fuzz/%.c Makefile | $(F)/doors
	$(say) CC $<
	$(Q)$(FUZZ_COMPILE) -Wall -Wextra -Werror -MF $(@:.o=.d) -c -o $@ $<

$(FUZZERS): $(F)/%: $(F)/obj/fuzz_%.o $(F)/obj/fakes.o $(FUZZ_OBJS)
	$(say) FUZZ $@
	$(Q)$(FUZZ_CC) $(FUZZ_SANITIZE) -fsanitize=fuzzer -o $@ $^ $(LIB_LIBS)

require-fuzz:
	@echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' | \
	$(FUZZ_CC) $(FUZZ_SANITIZE) -fsanitize=fuzzer -x c -o /dev/null - 2>/dev/null || \
	{ echo "the fuzz targets need clang and its runtime: 'make deps' installs what is missing" >&2; \
	exit 1; }

fuzz:
	@tests/deps
	$(sub) fuzz-build
	@$(alone) T='$(T)' FUZZ_SECONDS='$(FUZZ_SECONDS)' tests/fuzz/run $(F); rc=$$?; \
	$(give_back); exit $$rc

test-build: all unit test-tools fuzz-build
ifndef dev
	$(sub) DEV=1 all
endif

check:
	@tests/deps
	$(sub) DEV= test-build
	@$(alone) tests/vm/boot --prepare
	@$(alone) T='$(T)' LONG='$(LONG)' tests/run; rc=$$?; $(give_back); exit $$rc

check-long:
	+@$(MAKE) --no-print-directory check LONG=1

lint:
	@tests/deps
	$(sub) all
	@$(alone) bats tests/lint; rc=$$?; $(give_back); exit $$rc

demo:
	@tests/deps demo
	$(sub) all
	@$(alone) tests/demo

bench:
	@tests/deps
	$(sub) all test-tools
	@$(alone) tests/bench/run

deps:
	@tests/deps

# --- install ---

MAN8 := $(sort $(wildcard man/*.8))
MAN5 := $(sort $(wildcard man/*.5))
COMPLETION := $(wildcard bash-completion/vnetctl)

install: all
	$(INSTALL) -D -m 0755 $(O)/vnetctl '$(DESTDIR)$(SBINDIR)/vnetctl'
ifneq ($(MAN8),)
	$(INSTALL) -D -m 0644 -t '$(DESTDIR)$(MANDIR)/man8' $(MAN8)
endif
ifneq ($(MAN5),)
	$(INSTALL) -D -m 0644 -t '$(DESTDIR)$(MANDIR)/man5' $(MAN5)
endif
ifneq ($(COMPLETION),)
	$(INSTALL) -D -m 0644 $(COMPLETION) '$(DESTDIR)$(BASHCOMPDIR)/vnetctl'
endif

# What an ordinary user's vnetctl needs; vnetctl(8) says why, under SECURITY NOTES.
SETCAP = cap_net_admin,cap_sys_admin,cap_mknod,cap_chown=p

# Never part of install: with it /etc/vnetctl.conf decides what users may do.
setcap:
	@file='$(DESTDIR)$(SBINDIR)/vnetctl'; [ -e "$$file" ] || file=$(O)/vnetctl; \
	setcap $(SETCAP) "$$file" && getcap "$$file"

uninstall:
	rm -f '$(DESTDIR)$(SBINDIR)/vnetctl' '$(DESTDIR)$(BASHCOMPDIR)/vnetctl' \
		$(MAN8:man/%='$(DESTDIR)$(MANDIR)/man8/%') $(MAN5:man/%='$(DESTDIR)$(MANDIR)/man5/%')

clean:
	rm -rf $(BUILD)

FORCE:
.PHONY: all require require-cmocka require-fuzz unit test-tools fuzz-build fuzz test-build check \
	check-long lint demo bench deps install uninstall setcap clean FORCE
.DELETE_ON_ERROR:
.SUFFIXES:

-include $(wildcard $(O)/obj/*.d $(F)/obj/*.d)
