# tlm: tools and modules are found by wildcard: cmd/<tool>/*.c, lib/<module>/*.c, lib/<module>/<module>_test.c
# `make help` lists the targets. Variables of a distribution (CC, CFLAGS, LDFLAGS, PREFIX, DESTDIR) survive.

CC ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
MANDIR ?= $(PREFIX)/share/man
BUILD ?= build$(if $(SAN),/san)
DEV ?=
SAN ?=
T ?=

ifeq ($(origin CC),default)
CC := gcc
endif

MAKEFLAGS += --no-builtin-rules
ifeq ($(filter -j%,$(MAKEFLAGS)),)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 1)
endif

# ---- flags ----
probe = $(shell printf 'int main(void){return 0;}' | $(CC) $(1) -Werror -x c - -o /dev/null 2>/dev/null && echo '$(1)')

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wformat=2 -Wundef -Wwrite-strings -Wcast-qual $(if $(DEV),-Werror)
HARDEN := -fstack-protector-strong -fPIE
ifeq ($(SAN),)
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(if $(call probe,-D_FORTIFY_SOURCE=3 -O2),3,2) \
	$(call probe,-fstack-clash-protection) $(call probe,-fcf-protection=full)
else
HARDEN += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
LDHARDEN := -pie -Wl,-z,relro,-z,now -Wl,--as-needed

pkg = $(shell pkg-config $(1) $(2) 2>/dev/null)
INC := -Ilib $(call pkg,--cflags,libarchive libzstd libcrypto zlib)
LIBS := $(or $(call pkg,--libs,libarchive),-larchive) $(or $(call pkg,--libs,libjq),-ljq) \
	$(or $(call pkg,--libs,libzstd),-lzstd) $(or $(call pkg,--libs,zlib),-lz) \
	$(or $(call pkg,--libs,libcrypto),-lcrypto) -lm -lpthread -ldl

ALL_CFLAGS := -std=gnu11 -D_GNU_SOURCE $(INC) $(WARN) $(HARDEN) $(CFLAGS) -MMD -MP
ALL_LDFLAGS := $(LDHARDEN) $(LDFLAGS)

# ---- what there is ----
TOOLS := $(sort $(notdir $(patsubst %/,%,$(dir $(wildcard cmd/*/main.c)))))
LIB_SRC := $(filter-out %_test.c,$(wildcard lib/*/*.c))
LIB_OBJ := $(LIB_SRC:%.c=$(BUILD)/obj/%.o)
LIB := $(BUILD)/libtlm.a
TEST_SRC := $(wildcard lib/*/*_test.c)
TESTS := $(patsubst %.c,$(BUILD)/test/%,$(notdir $(TEST_SRC)))
BIN := $(TOOLS:%=$(BUILD)/bin/%)

.PHONY: all headers clean
.SECONDARY:

all: $(BIN) ## build the tools into build/bin

$(LIB): $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c $< -o $@

define tool_rule
$(BUILD)/bin/$(1): $$(patsubst %.c,$$(BUILD)/obj/%.o,$$(wildcard cmd/$(1)/*.c)) $$(LIB)
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$(filter %.o,$$^) $$(LIB) $$(ALL_LDFLAGS) $$(LIBS) -o $$@
endef
$(foreach t,$(TOOLS),$(eval $(call tool_rule,$(t))))

define test_rule
$(BUILD)/test/$(basename $(notdir $(1))): $(BUILD)/obj/$(1:.c=.o) $$(LIB)
	@mkdir -p $$(@D)
	$$(CC) $$(ALL_CFLAGS) $$< $$(LIB) $$(ALL_LDFLAGS) -lcmocka $$(LIBS) -o $$@
endef
$(foreach t,$(TEST_SRC),$(eval $(call test_rule,$(t))))

tests-build: $(TESTS)

headers: ## check that each header compiles alone
	@for h in lib/*/*.h; do echo "#include \"$${h#lib/}\"" | $(CC) -std=gnu11 -D_GNU_SOURCE $(INC) $(WARN) -Werror -fsyntax-only -x c - || exit 1; done

clean: ## remove the build folder
	rm -rf build

-include $(LIB_OBJ:.o=.d) $(patsubst %.c,$(BUILD)/obj/%.d,$(wildcard cmd/*/*.c) $(TEST_SRC))
