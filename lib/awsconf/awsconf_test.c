#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "awsconf/awsconf.h"

static char folder[] = "/tmp/awsconf-test-XXXXXX";

static const char *put(const char *name, const char *text)
{
	static char path[200];
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", folder, name);
	f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
	return path;
}

static void use(const char *config, const char *credentials)
{
	setenv("AWS_CONFIG_FILE", put("config", config), 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", put("credentials", credentials), 1);
}

static struct awsconf *open_it(const char *profile)
{
	struct awsconf_opts opts = {.profile = profile};
	struct err err = ERR_INIT;
	struct awsconf *c = awsconf_open(&opts, &err);

	if (!c)
		print_message("%s\n", err.msg);
	assert_non_null(c);
	return c;
}

static const char *get(const struct awsconf *c, const char *profile, const char *key)
{
	const char *value = awsconf_get(c, AWSCONF_ANY, profile, key);

	return value ? value : "(none)";
}

/* What `aws configure list --profile x` and botocore's full_config say of the same files. */
static void files_are_read_as_the_aws_command_does(void **state)
{
	struct awsconf *c;

	(void)state;
	use("# comment\n[default]\nregion = eu-west-1 \n; other\ns3 =\n  addressing_style = path\n\tmax_queue_size=7\n"
	    "output: json\n[profile two words]\nregion=a\n[profile \"quoted one\"]\nRegion = us-west-2 # kept\n"
	    "[preview]\nregion = no\n[profile empty]\n",
		"[default]\naws_access_key_id=AK=\n[plain]\nregion = z\naws_secret_access_key = a b\n");
	c = open_it(NULL);
	assert_string_equal(awsconf_profile(c), "default");
	assert_string_equal(get(c, "default", "region"), "eu-west-1");
	assert_string_equal(get(c, "default", "s3.addressing_style"), "path");
	assert_string_equal(get(c, "default", "s3.max_queue_size"), "7");
	assert_string_equal(get(c, "default", "output"), "json");
	assert_string_equal(get(c, "default", "aws_access_key_id"), "AK=");
	assert_null(awsconf_get(c, AWSCONF_CONFIG, "default", "aws_access_key_id"));
	assert_string_equal(get(c, "two words", "region"), "a");
	assert_string_equal(get(c, "quoted one", "region"), "us-west-2 # kept");
	assert_string_equal(get(c, "plain", "aws_secret_access_key"), "a b");
	assert_true(awsconf_has_profile(c, "empty"));
	assert_false(awsconf_has_profile(c, "preview"));
	awsconf_close(c);
}

static void a_line_that_is_none_is_named(void **state)
{
	struct awsconf_opts opts = {0};
	struct err err = ERR_INIT;

	(void)state;
	use("[default]\n\nregion\n", "");
	assert_null(awsconf_open(&opts, &err));
	assert_int_equal(err.code, ERR_PROGRAM);
	assert_non_null(strstr(err.msg, "/config:3: expected 'key = value' or '[section]'"));
	err_reset(&err);
	use("", "[x\n");
	assert_null(awsconf_open(&opts, &err));
	assert_non_null(strstr(err.msg, "/credentials:1: expected ']'"));
}

static void a_profile_that_is_named_must_be_there(void **state)
{
	struct awsconf_opts opts = {.profile = "nope"};
	struct err err = ERR_INIT;

	(void)state;
	use("[default]\n", "[x]\nregion = q\n");
	assert_null(awsconf_open(&opts, &err));
	assert_int_equal(err.code, ERR_PROGRAM);
	setenv("AWS_PROFILE", "x", 1);
	awsconf_close(open_it(NULL));
	unsetenv("AWS_PROFILE");
}

static void the_order_of_region_and_endpoint(void **state)
{
	struct awsconf_opts opts = {.region = "opt", .endpoint_url = "http://opt"};
	struct err err = ERR_INIT;
	struct awsconf *c;

	(void)state;
	use("[default]\nregion = file\nservices = mine\nendpoint_url = http://all\n[services mine]\ns3 =\n"
	    "  endpoint_url = http://s3\n",
		"");
	c = open_it(NULL);
	assert_string_equal(awsconf_region(c), "file");
	assert_string_equal(awsconf_endpoint(c, "s3"), "http://s3");
	assert_string_equal(awsconf_endpoint(c, "sts"), "http://all");
	setenv("AWS_DEFAULT_REGION", "default", 1);
	assert_string_equal(awsconf_region(c), "default");
	setenv("AWS_REGION", "env", 1);
	assert_string_equal(awsconf_region(c), "env");
	setenv("AWS_ENDPOINT_URL", "http://env", 1);
	assert_string_equal(awsconf_endpoint(c, "s3"), "http://env");
	setenv("AWS_ENDPOINT_URL_S3", "http://env-s3", 1);
	assert_string_equal(awsconf_endpoint(c, "s3"), "http://env-s3");
	assert_string_equal(awsconf_endpoint(c, "sts"), "http://env");
	setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", 1);
	assert_null(awsconf_endpoint(c, "s3"));
	awsconf_close(c);
	c = awsconf_open(&opts, &err);
	assert_string_equal(awsconf_region(c), "opt");
	assert_string_equal(awsconf_endpoint(c, "s3"), "http://opt");
	awsconf_close(c);
	for (size_t i = 0; i < 5; i++)
		unsetenv((const char *[]){"AWS_DEFAULT_REGION", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3",
			"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"}[i]);
}

static void services_that_are_named_must_be_there(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	use("[default]\nservices = mien\n[services mine]\ns3 =\n  endpoint_url = http://s3\n", "");
	assert_null(awsconf_open(&(struct awsconf_opts){.profile = NULL}, &err));
	assert_int_equal(err.code, ERR_PROGRAM);
	assert_non_null(strstr(err.msg, "[services mien], which is not there"));
	err_reset(&err);
	awsconf_close(awsconf_open(&(struct awsconf_opts){.endpoint_url = "http://opt"}, &err));
	assert_int_equal(err.code, ERR_NONE);
}

static void regions_have_their_domain(void **state)
{
	struct buf out = BUF_INIT;

	(void)state;
	awsconf_add_endpoint(&out, "s3", "eu-central-1");
	buf_add_char(&out, ' ');
	awsconf_add_endpoint(&out, "sts", "cn-north-1");
	assert_string_equal(
		buf_cstr(&out), "https://s3.eu-central-1.amazonaws.com https://sts.cn-north-1.amazonaws.com.cn");
	buf_release(&out);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
	char path[200];

	(void)state;
	snprintf(path, sizeof path, "%s/config", folder);
	unlink(path);
	snprintf(path, sizeof path, "%s/credentials", folder);
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_as_the_aws_command_does),
		cmocka_unit_test(a_line_that_is_none_is_named),
		cmocka_unit_test(a_profile_that_is_named_must_be_there),
		cmocka_unit_test(the_order_of_region_and_endpoint),
		cmocka_unit_test(services_that_are_named_must_be_there),
		cmocka_unit_test(regions_have_their_domain),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("awsconf", tests, make_folder, remove_folder);
}
