# tlm: tools and modules are found by wildcard: cmd/<tool>/*.c, lib/<module>/*.c, lib/<module>/<module>_test.c
# `make help` lists the targets. Variables of a distribution (CC, CFLAGS, LDFLAGS, PREFIX, DESTDIR) survive.

CC ?= cc
CFLAGS ?= -O2 -g
PREFIX ?= /usr/local
MANDIR ?= $(PREFIX)/share/man
BUILD ?= build$(if $(SAN),/san)$(if $(TSAN),/tsan)
DEV ?=
# SAN=1: addresses and undefined behaviour, TSAN=1: threads; each in a folder of its own.
SAN ?=
TSAN ?=
T ?=

ifeq ($(origin CC),default)
CC := gcc
endif

MAKEFLAGS += --no-builtin-rules
# V=1 shows every command whole.
V ?=
Q := $(if $(V),,@)
say = $(if $(V),,@echo '  $(1)')
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 1)
endif

# ---- flags ----
probe = $(shell printf 'int main(void){return 0;}' | $(CC) $(1) -Werror -x c - -o /dev/null 2>/dev/null && echo '$(1)')

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Wformat=2 -Wundef -Wwrite-strings -Wcast-qual $(if $(DEV),-Werror)
HARDEN := -fstack-protector-strong -fPIE
ifneq ($(TSAN),)
HARDEN += -fsanitize=thread -fno-omit-frame-pointer
else ifeq ($(SAN),)
HARDEN += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(if $(call probe,-D_FORTIFY_SOURCE=3 -O2),3,2) \
	$(call probe,-fstack-clash-protection) $(call probe,-fcf-protection=full)
else
HARDEN += -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
LDHARDEN := -pie -Wl,-z,relro,-z,now -Wl,--as-needed

pkg = $(shell pkg-config $(1) $(2) 2>/dev/null)
INC := -Ilib $(call pkg,--cflags,libzstd libcrypto oniguruma zlib liblzma liblz4 rdkafka)
# The C library comes first: oniguruma has a regcomp() of its own, which librdkafka would be given for the other one.
LIBS := -lc $(or $(call pkg,--libs,libjq),-ljq) \
	$(or $(call pkg,--libs,libzstd),-lzstd) $(or $(call pkg,--libs,zlib),-lz) \
	$(or $(call pkg,--libs,liblzma),-llzma) $(or $(call pkg,--libs,liblz4),-llz4) -lbz2 \
	$(or $(call pkg,--libs,libcrypto),-lcrypto) $(or $(call pkg,--libs,expat),-lexpat) $(or $(call pkg,--libs,oniguruma),-lonig) -lm -lpthread -ldl

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

.PHONY: all headers clean deps deps-check check check-quick torture kit fuzz bench demo lint format sizes install \
	uninstall dist help tests-build
.SECONDARY:

all: $(BIN) ## build the tools into build/bin

$(LIB): $(LIB_OBJ)
	@rm -f $@
	$(call say,AR $@)
	$(Q)$(AR) rcs $@ $^

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC $<)
	$(Q)$(CC) $(ALL_CFLAGS) -c $< -o $@

define tool_rule
$(BUILD)/bin/$(1): $$(patsubst %.c,$$(BUILD)/obj/%.o,$$(wildcard cmd/$(1)/*.c)) $$(LIB)
	@mkdir -p $$(@D)
	$$(call say,LD $$@)
	$$(Q)$$(CC) $$(ALL_CFLAGS) $$(filter %.o,$$^) $$(LIB) $$(ALL_LDFLAGS) $$(LIBS) -o $$@
endef
$(foreach t,$(TOOLS),$(eval $(call tool_rule,$(t))))

define test_rule
$(BUILD)/test/$(basename $(notdir $(1))): $(BUILD)/obj/$(1:.c=.o) $$(LIB)
	@mkdir -p $$(@D)
	$$(call say,LD $$@)
	$$(Q)$$(CC) $$(ALL_CFLAGS) $$< $$(LIB) $$(ALL_LDFLAGS) -lcmocka $$(LIBS) -o $$@
endef
$(foreach t,$(TEST_SRC),$(eval $(call test_rule,$(t))))

tests-build: $(TESTS)

# ---- set-up ----
deps: ## install the packages of the build through apt, or print the command to type
	@tools/deps.sh build

deps-check:
	@tools/deps.sh build check

# ---- tests ----
# T=name picks the test files whose name holds it; JOBS files run side by side (many of them wait for a server).
JOBS ?= 3
BATS := $(sort $(wildcard tests/bats/*.bats))
LONG_BATS := contract crash faults filter filter-jobs filter-worker jobs kafka-agg kafka-exactly kafka-groups kafka-rebuild kafka-secure kafka-state kafka-topics linear memory partial properties readme realdata replay s3 s3fake s3faults s3kafka s3put s3refusals values
QUICK_BATS := $(filter-out $(LONG_BATS:%=tests/bats/%.bats),$(BATS))
QUICK_TESTS := $(filter-out %/num_double_test %/sketch_test %/source_test %/jqworker_test %/jqworker_process_test %/json_diff_test %/compress_test %/keep_test,$(TESTS))
pick = $(if $(T),$(foreach f,$(1),$(if $(findstring $(T),$(notdir $(f))),$(f))),$(1))
# $(call prove,FILES): runs them, and says behind the summary what failed tests printed.
FAILED := $(BUILD)/failed.txt
prove = rm -f $(FAILED); TLM_FAILED=$(FAILED) TLM_BIN=$(BUILD)/bin TLM_BUILD=$(BUILD) prove --timer -j$(JOBS) --exec tests/kit/run-test $(1) || \
	{ cat $(FAILED); false; }

check: deps-check ## install what the tests need, build, run every test under prove
	@tools/venv.sh >/dev/null
	@tests/services/s3-install.sh >/dev/null || true
	+@$(MAKE) --no-print-directory all tests-build kit
	@$(call prove,$(call pick,$(TESTS) $(BATS)))

check-quick: all tests-build kit ## the tests of the inner loop, below a minute
	@$(call prove,$(call pick,$(if $(T),$(TESTS) $(BATS),$(QUICK_TESTS) $(QUICK_BATS))))

torture: deps-check all tests-build kit ## the long hunts: every fault, every crash, many seeds
	@tools/venv.sh >/dev/null
	@$(call prove,$(call pick,$(sort $(wildcard tests/torture/*.bats))))

# Preloaded fault injection and generators: tests/kit/*.c; a name that ends in _preload becomes a shared object.
KIT_SRC := $(wildcard tests/kit/*.c)
KIT := $(patsubst tests/kit/%.c,$(BUILD)/kit/%.so,$(filter %_preload.c,$(KIT_SRC))) \
	$(patsubst tests/kit/%.c,$(BUILD)/kit/%,$(filter-out %_preload.c,$(KIT_SRC))) $(BUILD)/kit/fleetgen
kit: $(KIT)

$(BUILD)/kit/%.so: tests/kit/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) $(CFLAGS) -fPIC -shared $< -o $@ -ldl

$(BUILD)/kit/%: tests/kit/%.c $(LIB)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $< $(LIB) $(ALL_LDFLAGS) $(LIBS) -o $@

# The broker's own programs are Java and slow to start; this one asks through librdkafka.
$(BUILD)/kit/kafkaadmin: LIBS += $(or $(call pkg,--libs,rdkafka),-lrdkafka)

$(BUILD)/kit/fleetgen: tools/fleetgen.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) $(CFLAGS) $< -o $@ -lm

# ---- fuzzing: one target per parser, tests/fuzz/<name>_fuzz.c, its corpus in tests/fuzz/corpus/<name> ----
FUZZ_S ?= 30
FUZZ_SRC := $(wildcard tests/fuzz/*_fuzz.c)
FUZZ_FLAGS := -std=gnu11 -D_GNU_SOURCE $(INC) -g -O1 -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
FUZZ_OBJ := $(LIB_SRC:%.c=build/fuzz/obj/%.o)

build/fuzz/obj/%.o: %.c
	@mkdir -p $(@D)
	clang $(FUZZ_FLAGS) -MMD -MP -c $< -o $@

build/fuzz/libtlm.a: $(FUZZ_OBJ)
	@rm -f $@
	ar rcs $@ $^

build/fuzz/%_fuzz: tests/fuzz/%_fuzz.c build/fuzz/libtlm.a
	clang $(FUZZ_FLAGS) -fsanitize=fuzzer $< build/fuzz/libtlm.a $(LIBS) -o $@

fuzz: ## run each fuzz target for FUZZ_S seconds (clang)
	@tools/deps.sh fuzz
	+@$(MAKE) --no-print-directory $(patsubst tests/fuzz/%.c,build/fuzz/%,$(call pick,$(FUZZ_SRC)))
	@for f in $(patsubst tests/fuzz/%_fuzz.c,%,$(call pick,$(FUZZ_SRC))); do \
		mkdir -p build/fuzz/corpus/$$f tests/fuzz/corpus/$$f; \
		build/fuzz/$${f}_fuzz -max_total_time=$(FUZZ_S) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
			-artifact_prefix=build/fuzz/$$f- build/fuzz/corpus/$$f tests/fuzz/corpus/$$f >build/fuzz/$$f.log 2>&1 \
			|| { tail -40 build/fuzz/$$f.log; echo "fuzz $$f: FOUND SOMETHING"; exit 1; }; \
		echo "fuzz $$f: $$(sed -n 's/^stat::number_of_executed_units: *//p' build/fuzz/$$f.log) executions, no finding"; \
	done

# ---- benches, demo ----
bench: ## run the benches beside their peers, outputs compared, ratios printed
	@tools/deps.sh build bench
	+@$(MAKE) --no-print-directory all kit
	@tools/peers.sh build/peers
	$$(tools/venv.sh bench) bench/bench.py $(T)

demo: ## build, run the main job on a sample (or DATA=FILE TIME=FIELD:FORMAT WHERE=PROGRAM DELAY=D), show the result
	@tools/deps.sh build
	+@$(MAKE) --no-print-directory -s all $(BUILD)/kit/fleetgen
	@DATA='$(DATA)' TIME='$(TIME)' WHERE='$(subst ','\'',$(WHERE))' DELAY='$(DELAY)' tools/demo.sh

# ---- the house's own rules ----
FORMATTED := $(wildcard cmd/*/*.[ch] lib/*/*.[ch] tests/kit/*.c tests/fuzz/*.c tools/*.c bench/*.c)
lint: ## formatter, cppcheck, shellcheck, mandoc, includes
	@tools/deps.sh lint
	@clang-format --dry-run -Werror $(FORMATTED)
	@cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability --inline-suppr \
		--suppress=missingIncludeSystem --suppress=internalAstError -Ilib $(filter-out %_test.c,$(wildcard cmd/*/*.c lib/*/*.c))
	@shellcheck -x $(wildcard tools/*.sh tests/services/*.sh .ci/run tests/kit/run-test tests/kit/example-files)
	@for m in $(wildcard man/*.[1-9]); do mandoc -T lint -W warning $$m || exit 1; done
	tools/check-includes.sh

format: ## format the C sources in place
	clang-format -i $(FORMATTED)

sizes: ## list files and functions beyond the usual sizes
	@tools/sizes.sh

# ---- installation ----
MAN := $(wildcard man/*.[1-9])
INSTALL ?= install
install: all ## install tools, man pages and completions below DESTDIR and PREFIX
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man7 \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(INSTALL) -m 755 $(BIN) $(DESTDIR)$(PREFIX)/bin
	for m in $(MAN); do $(INSTALL) -m 644 $$m $(DESTDIR)$(MANDIR)/man$${m##*.}/ || exit 1; done
	for t in $(TOOLS); do \
		$(BUILD)/bin/$$t --completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/$$t && \
		$(BUILD)/bin/$$t --completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_$$t && \
		$(BUILD)/bin/$$t --completion fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/$$t.fish || exit 1; done

uninstall: ## remove what install put there
	rm -f $(TOOLS:%=$(DESTDIR)$(PREFIX)/bin/%) \
		$(foreach m,$(MAN),$(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(m)))/$(notdir $(m))) \
		$(TOOLS:%=$(DESTDIR)$(PREFIX)/share/bash-completion/completions/%) \
		$(TOOLS:%=$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_%) \
		$(TOOLS:%=$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/%.fish)

VERSION := $(shell sed -n 's/^.define TLM_VERSION "\(.*\)"/\1/p' lib/tool/tool.h)
dist: ## make the source archive build/tlm-VERSION.tar.gz from the last commit
	@mkdir -p build
	git archive --prefix=tlm-$(VERSION)/ -o build/tlm-$(VERSION).tar.gz HEAD

help: ## print the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' Makefile | awk -F'|' '{printf "%-12s %s\n", $$1, $$2}'

headers: ## check that each header compiles alone
	@for h in $(filter-out %_body.h,$(wildcard lib/*/*.h)); do echo "#include \"$${h#lib/}\"" | $(CC) -std=gnu11 -D_GNU_SOURCE $(INC) $(WARN) -Werror -fsyntax-only -x c - || exit 1; done

clean: ## remove the build folder
	rm -rf build

-include $(LIB_OBJ:.o=.d) $(FUZZ_OBJ:.o=.d) $(patsubst %.c,$(BUILD)/obj/%.d,$(wildcard cmd/*/*.c) $(TEST_SRC))
