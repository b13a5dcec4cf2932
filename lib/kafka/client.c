#include "kafka/client.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "kafka/props.h"
#include "ledger/ledger.h"
#include "stop/stop.h"

enum { SLICE_MS = 100 };

#define SCRAM_HINT " (librdkafka before 2.6.1 cannot do SCRAM with Kafka 4: use PLAIN, or a newer library)"

/* ---- words ---- */

enum err_code client_code(rd_kafka_resp_err_t code)
{
	switch ((int)code) {
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
	case RD_KAFKA_RESP_ERR__RESOLVE:
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
	case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
	case RD_KAFKA_RESP_ERR__WAIT_COORD:
	case RD_KAFKA_RESP_ERR__WAIT_CACHE:
	case RD_KAFKA_RESP_ERR__DESTROY:
	case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
	case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
	case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
	case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
	case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
	case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
	case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
	case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
	case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
	case RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED:
		return ERR_UNREACHABLE;
	default:
		return ERR_REFUSED;
	}
}

/* "Broker: Unknown topic or partition" as "unknown topic or partition". */
static void plain(char *out, size_t size, const char *text)
{
	static const char *const heads[] = {"Broker: ", "Local: "};

	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
		if (strncmp(text, heads[i], strlen(heads[i])) == 0)
			text += strlen(heads[i]);
	snprintf(out, size, "%s", text);
	if (isupper((unsigned char)out[0]) && islower((unsigned char)out[1]))
		out[0] = (char)tolower((unsigned char)out[0]);
}

int client_fail(struct err *err, rd_kafka_resp_err_t code, const char *what)
{
	char text[160];

	plain(text, sizeof text, rd.err2str(code));
	return err_set(err, client_code(code), "%s%s%s", what, *what ? ": " : "", text);
}

/* ---- callbacks ---- */

/* At -v what matters, at -vv everything that `debug` asks for. */
static void log_line(const rd_kafka_t *rk, int level, const char *facility, const char *text)
{
	const struct client *c = rd.opaque(rk);
	char line[600];
	const char *said;

	if (!c || !c->opts->warn || c->opts->verbose < (level <= LOG_INFO ? 1 : 2))
		return;
	/* "[thrd:127.0.0.1:9092/1]: 127.0.0.1:9092/1: Connect failed": the thread is nobody's business */
	said = strncmp(text, "[thrd:", 6) == 0 ? strstr(text, "]: ") : NULL;
	snprintf(line, sizeof line, "kafka: %s (%s)", said ? said + 3 : text, facility);
	for (char *p = line; *p; p++)
		if (*p == '\n')
			*p = ' ';
	c->opts->warn(c->opts->warn_ctx, line);
}

static bool is_refusal(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR__AUTHENTICATION || code == RD_KAFKA_RESP_ERR__SSL ||
	       code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED || code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE ||
	       code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
	       code == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED ||
	       code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
	       code == RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED;
}

/* The reasons of librdkafka end in where and when: "... (after 3ms in state CONNECT, 1 identical error(s) suppressed)".
 */
static void cut_state(char *text)
{
	char *at = strstr(text, " (after ");

	if (at)
		*at = '\0';
}

static void note_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
	struct client *c = opaque;
	char text[160], fatal[256];
	const char *slash;

	if (code == RD_KAFKA_RESP_ERR__FATAL) {
		code = (int)rd.fatal_error(rk, fatal, sizeof fatal);
		err_set(&c->refused, ERR_REFUSED, "the broker ended this client: %.120s", fatal);
		return;
	}
	/* "sasl_ssl://127.0.0.1:9093/bootstrap: SSL handshake failed: ...": without the scheme */
	slash = strstr(reason, "://");
	plain(text, sizeof text, slash ? slash + 3 : reason);
	cut_state(text);
	if (code != RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN || !c->last[0])
		snprintf(c->last, sizeof c->last, "%s", text);
	if (is_refusal((rd_kafka_resp_err_t)code))
		err_set(&c->refused, ERR_REFUSED, "%.120s%s", text, strstr(reason, "SCRAM") ? SCRAM_HINT : "");
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN && !c->is_down && c->opts->warn) {
		c->is_down = true;
		snprintf(fatal, sizeof fatal, "kafka: no broker is in reach (%.150s): trying again", c->last);
		c->opts->warn(c->opts->warn_ctx, fatal);
	}
}

bool client_has_failed(struct client *c, struct err *err)
{
	if (c->refused.code == ERR_NONE)
		return false;
	if (err->code == ERR_NONE)
		*err = c->refused;
	return true;
}

/* ---- start ---- */

int client_open(
	struct client *c, rd_kafka_type_t type, rd_kafka_conf_t *conf, const struct kafka_opts *o, struct err *err)
{
	char text[256];

	*c = (struct client){.opts = o, .is_producer = type == RD_KAFKA_PRODUCER};
	rd.conf_set_opaque(conf, c);
	rd.conf_set_log_cb(conf, log_line);
	rd.conf_set_error_cb(conf, note_error);
	c->rk = rd.new(type, conf, text, sizeof text);
	if (!c->rk) {
		rd.conf_destroy(conf);
		return err_set(err, ERR_PROGRAM, "properties: %.160s", text);
	}
	rd.set_log_queue(c->rk, NULL);
	return 0;
}

static int tell_unreachable(struct client *c, struct err *err)
{
	return err_set(err, ERR_UNREACHABLE, "no broker is in reach%s%.150s", c->last[0] ? ": " : "", c->last);
}

/* librdkafka waits in short pieces, so that what it has to say is heard between them and a signal ends the wait. */
static const struct rd_kafka_metadata *ask(struct client *c, rd_kafka_topic_t *topic, bool is_all, struct err *err)
{
	int64_t end_us = ledger_now_us() + CLIENT_START_MS * INT64_C(1000);
	const struct rd_kafka_metadata *meta;
	rd_kafka_resp_err_t code;
	bool was_quiet = c->is_down;

	c->is_down = true; /* nothing to tell: the end of the wait tells it */
	do {
		code = rd.metadata(c->rk, is_all, topic, &meta, SLICE_MS);
		rd.poll(c->rk, 0);
		if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
			c->is_down = was_quiet;
			return meta;
		}
		if (client_has_failed(c, err))
			return NULL;
		if (client_code(code) == ERR_REFUSED) {
			client_fail(err, code, "the brokers gave no list of topics");
			return NULL;
		}
	} while (ledger_now_us() < end_us && !stop_signal());
	tell_unreachable(c, err);
	return NULL;
}

int client_await(struct client *c, struct err *err)
{
	const struct rd_kafka_metadata *meta = ask(c, NULL, false, err);

	if (!meta)
		return -1;
	rd.metadata_destroy(meta);
	return 0;
}

int client_open_beside(struct client *c, const struct client *consumer, const char *isolation, struct err *err)
{
	rd_kafka_conf_t *conf = rd.conf_dup(rd.conf(consumer->rk));

	*c = (struct client){0};
	rd.conf_set_rebalance_cb(conf, NULL);
	if (props_set(conf, "isolation.level", isolation, err)) {
		rd.conf_destroy(conf);
		return -1;
	}
	return client_open(c, RD_KAFKA_CONSUMER, conf, consumer->opts, err) ? -1 : client_await(c, err);
}

int client_bounds(struct client *c, const char *topic, int32_t partition, int64_t *low, int64_t *high, struct err *err)
{
	rd_kafka_resp_err_t code = rd.query_watermark_offsets(c->rk, topic, partition, low, high, CLIENT_ASK_MS);

	return code ? client_fail(err, code, "cannot ask for offsets") : 0;
}

static bool is_transient(rd_kafka_resp_err_t code)
{
	return code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE || code == RD_KAFKA_RESP_ERR__WAIT_CACHE;
}

const struct rd_kafka_metadata *client_topic(struct client *c, const char *name, struct err *err)
{
	rd_kafka_topic_t *topic = name ? rd.topic_new(c->rk, name, NULL) : NULL;
	const struct rd_kafka_metadata *meta = NULL;
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

	for (int tries = 0; tries < 50; tries++) {
		meta = ask(c, topic, !name, err);
		code = meta && name && meta->topic_cnt == 1 ? meta->topics[0].err : RD_KAFKA_RESP_ERR_NO_ERROR;
		/* a producer makes brokers create a topic, where they do that */
		if (!is_transient(code) &&
			!(code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART && c->is_producer && tries < 5))
			break;
		rd.metadata_destroy(meta);
		meta = NULL;
		rd.poll(c->rk, SLICE_MS);
	}
	if (topic)
		rd.topic_destroy(topic);
	if (code) {
		if (meta)
			rd.metadata_destroy(meta);
		client_fail(err, code, "");
		return NULL;
	}
	return meta;
}
