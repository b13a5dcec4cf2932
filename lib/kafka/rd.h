/*
 * librdkafka, loaded when the first place is a topic; private to lib/kafka.
 *
 * It brings a dozen libraries with it, which would cost every start of every tool a third of its time. So it is opened
 * by dlopen() and called through one table: rd.poll() is rd_kafka_poll().
 */
#ifndef TLM_KAFKA_RD_H
#define TLM_KAFKA_RD_H

#include <librdkafka/rdkafka.h>

#include "err/err.h"

#define RD_FUNCTIONS(F)                                                                                                \
	F(version_str)                                                                                                 \
	F(err2str)                                                                                                     \
	F(err2name)                                                                                                    \
	F(last_error)                                                                                                  \
	F(conf_new)                                                                                                    \
	F(conf_destroy)                                                                                                \
	F(conf_set)                                                                                                    \
	F(conf_get)                                                                                                    \
	F(conf)                                                                                                        \
	F(conf_dup)                                                                                                    \
	F(conf_set_opaque)                                                                                             \
	F(conf_set_log_cb)                                                                                             \
	F(conf_set_error_cb)                                                                                           \
	F(conf_set_dr_msg_cb)                                                                                          \
	F(conf_set_rebalance_cb)                                                                                       \
	F(new)                                                                                                         \
	F(destroy)                                                                                                     \
	F(destroy_flags)                                                                                               \
	F(fatal_error)                                                                                                 \
	F(set_log_queue)                                                                                               \
	F(opaque)                                                                                                      \
	F(poll)                                                                                                        \
	F(poll_set_consumer)                                                                                           \
	F(metadata)                                                                                                    \
	F(metadata_destroy)                                                                                            \
	F(topic_new)                                                                                                   \
	F(topic_destroy)                                                                                               \
	F(topic_name)                                                                                                  \
	F(query_watermark_offsets)                                                                                     \
	F(get_watermark_offsets)                                                                                       \
	F(offsets_for_times)                                                                                           \
	F(consume_start_queue)                                                                                         \
	F(consume_stop)                                                                                                \
	F(consume_batch_queue)                                                                                         \
	F(message_destroy)                                                                                             \
	F(message_timestamp)                                                                                           \
	F(message_headers)                                                                                             \
	F(message_errstr)                                                                                              \
	F(header_get_all)                                                                                              \
	F(headers_new)                                                                                                 \
	F(headers_copy)                                                                                                \
	F(headers_destroy)                                                                                             \
	F(header_add)                                                                                                  \
	F(queue_new)                                                                                                   \
	F(queue_get_consumer)                                                                                          \
	F(queue_destroy)                                                                                               \
	F(queue_io_event_enable)                                                                                       \
	F(queue_poll)                                                                                                  \
	F(event_error)                                                                                                 \
	F(event_destroy)                                                                                               \
	F(event_topic_partition_list)                                                                                  \
	F(pause_partitions)                                                                                            \
	F(resume_partitions)                                                                                           \
	F(topic_partition_list_new)                                                                                    \
	F(topic_partition_list_destroy)                                                                                \
	F(topic_partition_list_find)                                                                                   \
	F(topic_partition_list_add)                                                                                    \
	F(subscribe)                                                                                                   \
	F(assign)                                                                                                      \
	F(incremental_assign)                                                                                          \
	F(incremental_unassign)                                                                                        \
	F(rebalance_protocol)                                                                                          \
	F(assignment_lost)                                                                                             \
	F(memberid)                                                                                                    \
	F(seek_partitions)                                                                                             \
	F(committed)                                                                                                   \
	F(list_groups)                                                                                                 \
	F(group_list_destroy)                                                                                          \
	F(commit_queue)                                                                                                \
	F(consumer_close)                                                                                              \
	F(error_code)                                                                                                  \
	F(error_string)                                                                                                \
	F(error_destroy)                                                                                               \
	F(produce_batch)                                                                                               \
	F(produceva)                                                                                                   \
	F(flush)                                                                                                       \
	F(purge)                                                                                                       \
	F(outq_len)                                                                                                    \
	F(clusterid)                                                                                                   \
	F(mem_free)                                                                                                    \
	F(consumer_group_metadata)                                                                                     \
	F(consumer_group_metadata_destroy)                                                                             \
	F(init_transactions)                                                                                           \
	F(begin_transaction)                                                                                           \
	F(send_offsets_to_transaction)                                                                                 \
	F(commit_transaction)                                                                                          \
	F(abort_transaction)                                                                                           \
	F(error_is_fatal)                                                                                              \
	F(error_is_retriable)                                                                                          \
	F(error_txn_requires_abort)                                                                                    \
	F(DescribeConfigs)                                                                                             \
	F(DescribeConfigs_result_resources)                                                                            \
	F(event_DescribeConfigs_result)                                                                                \
	F(ConfigResource_new)                                                                                          \
	F(ConfigResource_destroy)                                                                                      \
	F(ConfigResource_error)                                                                                        \
	F(ConfigResource_configs)                                                                                      \
	F(ConfigEntry_name)                                                                                            \
	F(ConfigEntry_value)                                                                                           \
	F(AdminOptions_new)                                                                                            \
	F(AdminOptions_destroy)                                                                                        \
	F(AdminOptions_set_request_timeout)

#define RD_MEMBER(name) __typeof__(&rd_kafka_##name) name;
struct rd {
	RD_FUNCTIONS(RD_MEMBER)
};

extern struct rd rd;

/* Once, before the first call of a function. Returns 0, or -1 with ERR_PROGRAM: the library is not there or too old. */
int rd_load(struct err *err);

#endif
