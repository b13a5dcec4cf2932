#include "kafka/props.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "buf/buf.h"
#include "mem/mem.h"

struct props {
	const struct kafka_opts *opts;
	rd_kafka_conf_t *conf;
	enum props_kind kind;
	bool has_brokers;
	bool has_warned;
	bool is_broker_led; /* group.protocol=consumer: the brokers say what else a member has to say for itself */
	char text[512];     /* of the library's messages */
};

/* How a property was said: messages and refusals depend on it. */
struct origin {
	const char *name; /* "-X", a file's name, the place */
	unsigned line;
	bool is_command_line;
};

struct pair {
	const char *name, *value;
};

/* Before everything else: a user may change them. */
static const struct pair source_defaults[] = {
	{"queued.min.messages", "200000"}, {"fetch.error.backoff.ms", "10"}, {NULL, NULL}};
static const struct pair member_defaults[] = {
	{"partition.assignment.strategy", "range,roundrobin"}, {"session.timeout.ms", "10000"}, {NULL, NULL}};
static const struct pair pattern_defaults[] = {{"topic.blacklist", PROPS_OWN_TOPICS}, {NULL, NULL}};
static const struct pair sink_defaults[] = {{"compression.codec", "zstd"}, {"partitioner", "murmur2_random"},
	{"queue.buffering.max.messages", "500000"}, {"queue.buffering.max.kbytes", "131072"},
	{"retry.backoff.ms", "50"}, {NULL, NULL}};
/* and for transactions: an answer "not yet" is asked again at once, and a dead member holds readers up not for long */
static const struct pair exact_defaults[] = {
	{"retry.backoff.ms", "5"}, {"transaction.timeout.ms", "15000"}, {NULL, NULL}};

/* Behind everything else: what our promises rest upon. */
static const struct pair source_forced[] = {{"enable.auto.commit", "false"}, {"enable.auto.offset.store", "false"},
	{"enable.partition.eof", "true"}, {"auto.offset.reset", "error"}, {NULL, NULL}};
static const struct pair sink_forced[] = {{"enable.idempotence", "true"}, {NULL, NULL}};

/* What is said in our own words instead. */
static const struct pair instead[] = {{"group.id", "the group is -G GROUP, or group= of the place"},
	{"group.instance.id", "a static member is --instance NAME"},
	{"enable.auto.commit", "offsets are committed when the output is safe, every --commit-interval"},
	{"auto.commit.interval.ms", "offsets are committed when the output is safe, every --commit-interval"},
	{"enable.auto.offset.store", "offsets are committed when the output is safe, every --commit-interval"},
	{"auto.offset.reset", "where reading begins is offset= of the place"},
	{"enable.partition.eof", "the end of a topic is --until-end, or a range of offset="},
	{"enable.idempotence", "the producer is always idempotent"},
	{"transactional.id", "it comes from the group and --instance"}, {"log.queue", "log lines come at -v"},
	{NULL, NULL}};

static const char *const secrets[] = {"sasl.password", "ssl.key.password", "ssl.key.pem", "ssl.keystore.password",
	"sasl.oauthbearer.client.secret", "sasl.oauthbearer.config", NULL};

static int fail(const struct origin *from, struct err *err, const char *message)
{
	err_set(err, ERR_PROGRAM, "%s", message);
	return err_at(err, from->name, from->line, 0);
}

static int set(struct props *p, const char *name, const char *value, const struct origin *from, struct err *err)
{
	char message[sizeof p->text];

	switch (rd.conf_set(p->conf, name, value, p->text, sizeof p->text)) {
	case RD_KAFKA_CONF_OK:
		return 0;
	case RD_KAFKA_CONF_UNKNOWN:
		if (strcmp(name, "group.protocol") == 0) {
			snprintf(message, sizeof message, "librdkafka %s has no group.protocol: that came with 2.4",
				rd.version_str());
			break;
		}
		snprintf(message, sizeof message,
			"unknown property '%.60s' (ours are offset group partition key headers ts envelope limit, the "
			"others "
			"librdkafka's)",
			name);
		break;
	case RD_KAFKA_CONF_INVALID:
		p->text[strcspn(p->text, "\n")] = '\0';
		snprintf(message, sizeof message, "property %.60s: %.120s", name, p->text);
		break;
	}
	return fail(from, err, message);
}

static bool is_older(int major, int minor)
{
	char *rest;
	long has_major = strtol(rd.version_str(), &rest, 10);

	return has_major < major || (has_major == major && strtol(rest + (*rest == '.'), NULL, 10) < minor);
}

/*
 * What a way of sharing partitions needs that this library has not, with *has, what that has instead; or NULL.
 * Before 2.3 an assertion of it ends the process where a cooperative member leaves before it was assigned anything. The
 * new protocol is there from 2.4 on, but not meant for more than trials before 2.12.
 */
static const char *needs_newer(const struct props *p, const char *name, const char *value, const char **has)
{
	*has = "aborts when a member leaves early";
	if (p->kind != PROPS_SOURCE)
		return NULL;
	if (strcmp(name, "partition.assignment.strategy") == 0 && strstr(value, "cooperative-sticky") && is_older(2, 3))
		return "cooperative-sticky needs librdkafka 2.3 or newer";
	*has = is_older(2, 4) ? "has no such protocol" : "has a preview of it";
	if (strcmp(name, "group.protocol") == 0 && strcasecmp(value, "consumer") == 0 && is_older(2, 12))
		return "group.protocol=consumer needs librdkafka 2.12 or newer";
	return NULL;
}

static void warn_of_secret(struct props *p, const char *name)
{
	char text[256];

	for (size_t i = 0; secrets[i]; i++) {
		if (strcmp(secrets[i], name) != 0 || p->has_warned || !p->opts->warn)
			continue;
		p->has_warned = true;
		snprintf(text, sizeof text,
			"%s on the command line can be read by every user of this machine: put it into a file, -F FILE",
			name);
		p->opts->warn(p->opts->warn_ctx, text);
	}
}

static bool is_known(struct props *p, const char *name)
{
	size_t size = 0;

	return rd.conf_get(p->conf, name, NULL, &size) != RD_KAFKA_CONF_UNKNOWN;
}

/* One property in whatever way it was said. A file may be shared with other programs: what is ours is passed over. */
static int take(struct props *p, char *name, const char *value, const struct origin *from, struct err *err)
{
	char message[256];
	const char *needs, *has;

	/* "topic.acks", as kcat takes it; others begin so by themselves */
	if (strncmp(name, "topic.", 6) == 0 && !is_known(p, name))
		name += 6;
	for (size_t i = 0; instead[i].name; i++) {
		if (strcmp(instead[i].name, name) != 0)
			continue;
		if (!from->is_command_line)
			return 0;
		snprintf(message, sizeof message, "property %s: %s", name, instead[i].value);
		return fail(from, err, message);
	}
	needs = needs_newer(p, name, value, &has);
	if (needs) {
		snprintf(message, sizeof message, "%s: %s %s", needs, rd.version_str(), has);
		return fail(from, err, message);
	}
	if (from->is_command_line)
		warn_of_secret(p, name);
	p->has_brokers |= strcmp(name, "bootstrap.servers") == 0 || strcmp(name, "metadata.broker.list") == 0;
	return set(p, name, value, from, err);
}

static int take_pair(struct props *p, const char *text, const struct origin *from, struct err *err)
{
	const char *equals = strchr(text, '=');
	char message[256], *name;
	int result;

	if (!equals || equals == text) {
		snprintf(message, sizeof message, "property '%.60s': write NAME=VALUE", text);
		return fail(from, err, message);
	}
	name = mem_dup(text, (size_t)(equals - text));
	result = take(p, name, equals + 1, from, err);
	free(name);
	return result;
}

/* ---- files ---- */

static char *trim(char *text)
{
	size_t len;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	return text;
}

/* Lines NAME=VALUE, blanks around both left out; '#' begins a comment line. */
static int take_file(struct props *p, const char *name, bool is_optional, struct err *err)
{
	struct origin from = {name, 0, false};
	FILE *file = fopen(name, "re");
	char *line = NULL;
	size_t cap = 0;
	int result = 0;

	if (!file && is_optional && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (!file) {
		err_sys(err, "cannot open");
		return err_at(err, name, 0, 0);
	}
	while (result == 0 && getline(&line, &cap, file) >= 0) {
		char *text = trim(line), *equals;

		from.line++;
		if (!*text || *text == '#')
			continue;
		equals = strchr(text, '=');
		if (!equals) {
			result = fail(&from, err, "must be NAME=VALUE");
			continue;
		}
		*equals = '\0';
		result = take(p, trim(text), trim(equals + 1), &from, err);
	}
	if (result == 0 && ferror(file)) {
		err_sys(err, "cannot read");
		result = err_at(err, name, 0, 0);
	}
	free(line);
	fclose(file);
	return result;
}

static int take_home_file(struct props *p, const char *below, struct err *err)
{
	const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
	static char name[2][4096]; /* messages borrow it */
	char *path = name[strcmp(below, "kcat.conf") == 0];

	if (config && *config)
		snprintf(path, sizeof name[0], "%s/%s", config, below);
	else if (home && *home)
		snprintf(path, sizeof name[0], "%s/.config/%s", home, below);
	else
		return 0;
	return take_file(p, path, true, err);
}

static int take_files(struct props *p, struct err *err)
{
	const char *kcat = getenv("KCAT_CONFIG"), *tlm = getenv("TLM_KAFKA_CONFIG");

	if (kcat && *kcat ? take_file(p, kcat, false, err) : take_home_file(p, "kcat.conf", err))
		return -1;
	if (take_home_file(p, "tlm/kafka.conf", err))
		return -1;
	return tlm && *tlm ? take_file(p, tlm, false, err) : 0;
}

/* ---- the order ---- */

static int take_brokers(struct props *p, const char *value, const char *origin, struct err *err)
{
	struct origin from = {origin, 0, false};
	char name[] = "bootstrap.servers";

	return value && *value ? take(p, name, value, &from, err) : 0;
}

static int take_environment(struct props *p, struct err *err)
{
	const char *own = getenv("TLM_BROKERS");

	if (own && *own)
		return take_brokers(p, own, "TLM_BROKERS", err);
	return take_brokers(p, getenv("KAFKA_BROKERS"), "KAFKA_BROKERS", err);
}

static int take_address(struct props *p, const struct address *a, struct err *err)
{
	static char place[BATCH_PLACE_BYTES]; /* the error outlives the address */
	struct origin from = {place, 0, true};

	snprintf(place, sizeof place, "%s", a->text);
	if (take_brokers(p, a->brokers, "kafka://", err))
		return -1;
	for (size_t i = 0; i < a->properties.n; i++)
		if (take_pair(p, a->properties.items[i], &from, err))
			return -1;
	return 0;
}

static int set_all(struct props *p, const struct pair *pairs, struct err *err)
{
	static const struct origin own = {"tlm", 0, false};

	for (; pairs->name; pairs++)
		if (set(p, pairs->name, pairs->value, &own, err))
			return -1;
	return 0;
}

/* An expression, and none of the topics that it is not to fit is named. */
static bool is_by_pattern(const struct address *addresses, size_t n)
{
	bool has_pattern = false;

	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < addresses[i].n_topics; j++) {
			if (strncmp(addresses[i].topics[j], "__", 2) == 0)
				return false;
			has_pattern |= *addresses[i].topics[j] == '^';
		}
	return has_pattern;
}

static int take_all(struct props *p, const struct address *addresses, size_t n, struct err *err)
{
	static const struct origin option = {"-X", 0, true};
	const struct kafka_opts *o = p->opts;

	if (set_all(p, p->kind == PROPS_SOURCE ? source_defaults : sink_defaults, err) ||
		(p->kind == PROPS_SOURCE && !p->is_broker_led && set_all(p, member_defaults, err)) ||
		(is_by_pattern(addresses, n) && set_all(p, pattern_defaults, err)) ||
		(p->kind == PROPS_EXACT && set_all(p, exact_defaults, err)) || take_files(p, err) ||
		take_environment(p, err) || (o->file && take_file(p, o->file, false, err)))
		return -1;
	if (take_brokers(p, o->brokers, "-b", err))
		return -1;
	for (size_t i = 0; i < o->properties.n; i++)
		if (take_pair(p, o->properties.items[i], &option, err))
			return -1;
	for (size_t i = 0; i < n; i++)
		if (take_address(p, &addresses[i], err))
			return -1;
	if (!p->has_brokers)
		return err_set(err, ERR_USAGE,
			"no brokers: say -b HOST:PORT, set TLM_BROKERS, or write kafka://HOST:PORT/TOPIC");
	return set_all(p, p->kind == PROPS_SOURCE ? source_forced : sink_forced, err);
}

static int take_new(struct props *p, const struct address *addresses, size_t n, struct err *err)
{
	p->conf = rd.conf_new();
	rd.conf_set(p->conf, "client.id", p->opts->tool, p->text, sizeof p->text);
	rd.conf_set(p->conf, "log.queue", "true", p->text, sizeof p->text);
	if (take_all(p, addresses, n, err) == 0)
		return 0;
	rd.conf_destroy(p->conf);
	return -1;
}

static bool is_broker_led(const struct props *p)
{
	char protocol[16];
	size_t size = sizeof protocol;

	return p->kind == PROPS_SOURCE && rd.conf_get(p->conf, "group.protocol", protocol, &size) == RD_KAFKA_CONF_OK &&
	       strcasecmp(protocol, "consumer") == 0;
}

rd_kafka_conf_t *props_conf(
	const struct kafka_opts *o, const struct address *addresses, size_t n, enum props_kind kind, struct err *err)
{
	struct props p = {.opts = o, .kind = kind};

	if (rd_load(err) || take_new(&p, addresses, n, err))
		return NULL;
	if (!is_broker_led(&p))
		return p.conf;
	/* what was set once cannot be unset: from the beginning */
	rd.conf_destroy(p.conf);
	p.is_broker_led = true;
	return take_new(&p, addresses, n, err) ? NULL : p.conf;
}

int props_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
	char text[256];

	if (rd.conf_set(conf, name, value, text, sizeof text) == RD_KAFKA_CONF_OK)
		return 0;
	return err_set(err, ERR_PROGRAM, "%s: %.150s", name, text);
}
