#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "awscreds/awscreds.h"

/* STS, containers and the metadata service are tested through tlm-s3put, with a server that plays them. */

static char folder[] = "/tmp/awscreds-test-XXXXXX";
static char config[100], credentials[100], script[100];

static void put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	fputs(text, f);
	fclose(f);
}

struct run {
	struct awsconf *conf;
	struct awscreds *creds;
	struct awscreds_key key;
	struct err err;
};

static int ask(struct run *r, const char *profile)
{
	struct awsconf_opts opts = {.profile = profile};

	*r = (struct run){.err = ERR_INIT};
	r->conf = awsconf_open(&opts, &r->err);
	assert_non_null(r->conf);
	r->creds = awscreds_open(r->conf, "tlm-test");
	return awscreds_get(r->creds, &r->key, &r->err);
}

static void end(struct run *r)
{
	awscreds_key_release(&r->key);
	awscreds_close(r->creds);
	awsconf_close(r->conf);
}

static void expect(const char *profile, const char *method, const char *id, const char *secret, const char *token)
{
	struct run r;

	if (ask(&r, profile) < 0)
		fail_msg("%s", r.err.msg);
	assert_string_equal(r.key.method, method);
	assert_string_equal(buf_cstr(&r.key.id), id);
	assert_string_equal(buf_cstr(&r.key.secret), secret);
	assert_string_equal(buf_cstr(&r.key.token), token);
	end(&r);
}

static void expect_error(const char *profile, enum err_code code, const char *text)
{
	struct run r;

	assert_int_equal(ask(&r, profile), -1);
	assert_int_equal(r.err.code, code);
	if (!strstr(r.err.msg, text))
		fail_msg("'%s' is not in: %s", text, r.err.msg);
	end(&r);
}

static void the_environment_comes_first(void **state)
{
	(void)state;
	put(config, "");
	put(credentials,
		"[default]\naws_access_key_id=FILE\naws_secret_access_key=filesecret\n[p]\naws_access_key_id=P\n"
		"aws_secret_access_key=s\naws_session_token=t\n");
	setenv("AWS_ACCESS_KEY_ID", "ENV", 1);
	expect_error(NULL, ERR_PROGRAM, "AWS_SECRET_ACCESS_KEY is not");
	setenv("AWS_SECRET_ACCESS_KEY", "envsecret", 1);
	expect(NULL, "env", "ENV", "envsecret", "");
	setenv("AWS_SESSION_TOKEN", "tok", 1);
	expect(NULL, "env", "ENV", "envsecret", "tok");
	/* a profile that was asked for wins; one that is only in the environment does not */
	expect("p", "credentials-file", "P", "s", "t");
	setenv("AWS_PROFILE", "p", 1);
	expect(NULL, "env", "ENV", "envsecret", "tok");
	unsetenv("AWS_ACCESS_KEY_ID");
	expect(NULL, "credentials-file", "P", "s", "t");
	unsetenv("AWS_PROFILE");
	unsetenv("AWS_SECRET_ACCESS_KEY");
	unsetenv("AWS_SESSION_TOKEN");
	expect(NULL, "credentials-file", "FILE", "filesecret", "");
}

static void a_process_stands_between_the_files(void **state)
{
	struct buf text = BUF_INIT;

	(void)state;
	put(script, "#!/bin/sh\n[ \"$1\" = 'a b' ] && [ \"$2\" = 'c\"d' ] || exit 3\n"
		    "echo "
		    "'{\"Version\":1,\"AccessKeyId\":\"PROC\",\"SecretAccessKey\":\"p\\u002fs\",\"SessionToken\":"
		    "\"pt\"}'\n");
	chmod(script, 0700);
	buf_addf(&text,
		"[default]\naws_access_key_id=CONFIG\naws_secret_access_key=c\n[profile "
		"run]\naws_access_key_id=CONFIG\n"
		"aws_secret_access_key=c\ncredential_process = %s 'a b' c\\\"d\n[profile bad]\ncredential_process=%s "
		"x\n"
		"[profile none]\ncredential_process = /nonexistent/program\n[profile json]\ncredential_process=echo "
		"[]\n",
		script, script);
	put(config, buf_cstr(&text));
	put(credentials, "");
	expect(NULL, "config-file", "CONFIG", "c", "");
	expect("run", "process", "PROC", "p/s", "pt");
	expect_error("bad", ERR_IO, "ended with status 3");
	expect_error("none", ERR_IO, "cannot run /nonexistent/program");
	expect_error("json", ERR_REFUSED, "not a JSON object");
	buf_release(&text);
}

/* The script gives another key each time it runs, with the given time to live. */
static void process_with_life(const char *life)
{
	struct buf text = BUF_INIT;

	buf_addf(&text,
		"#!/bin/sh\necho x >>%s.log\nn=$(wc -l <%s.log)\n[ $n -lt 4 ] || exit 1\n"
		"echo '{\"AccessKeyId\":\"K'$n'\",\"SecretAccessKey\":\"s\",\"Expiration\":\"'$(date -u -d '%s' "
		"+%%Y-%%m-%%dT%%H:%%M:%%SZ)'\"}'\n",
		script, script, life);
	put(script, buf_cstr(&text));
	buf_reset(&text);
	buf_addf(&text, "%s.log", script);
	unlink(buf_cstr(&text));
	buf_reset(&text);
	buf_addf(&text, "[default]\ncredential_process = %s\n", script);
	put(config, buf_cstr(&text));
	buf_release(&text);
}

static void expect_again(struct run *r, const char *id)
{
	if (awscreds_get(r->creds, &r->key, &r->err) < 0)
		fail_msg("%s", r->err.msg);
	assert_string_equal(buf_cstr(&r->key.id), id);
}

static void a_key_is_fetched_anew_before_it_expires(void **state)
{
	struct run r;

	(void)state;
	process_with_life("1 hour");
	assert_int_equal(ask(&r, NULL), 0);
	assert_true(r.key.has_expiry);
	expect_again(&r, "K1");
	/* the server knows better; who comes late with an old key asks for nothing */
	assert_true(awscreds_expire(r.creds, SLICE_LIT("K0")));
	expect_again(&r, "K1");
	assert_true(awscreds_expire(r.creds, SLICE_LIT("K1")));
	expect_again(&r, "K2");
	end(&r);
	/* within five minutes of its end: anew each time, and the last one while no new one can be had */
	process_with_life("4 minutes");
	assert_int_equal(ask(&r, NULL), 0);
	expect_again(&r, "K2");
	expect_again(&r, "K3");
	expect_again(&r, "K3");
	end(&r);
}

static void nothing_is_told_in_one_line(void **state)
{
	(void)state;
	put(config,
		"[profile half]\naws_access_key_id=x\n[profile role]\nrole_arn=arn:r\n[profile a]\nrole_arn=x\n"
		"source_profile=b\n[profile b]\nrole_arn=x\nsource_profile=a\n[profile gone]\nrole_arn=x\n"
		"source_profile=nowhere\n[profile mfa]\nrole_arn=x\nsource_profile=k\nmfa_serial=arn:m\n[profile k]\n"
		"aws_access_key_id=x\naws_secret_access_key=y\n[profile sso]\nsso_session = s\n");
	expect_error(NULL, ERR_PROGRAM, "no credentials: AWS_ACCESS_KEY_ID is not set, the profile 'default' has none");
	expect_error("half", ERR_PROGRAM, "no aws_secret_access_key");
	expect_error("role", ERR_PROGRAM, "needs one of source_profile and credential_source");
	expect_error("a", ERR_PROGRAM, "leads in a circle");
	expect_error("gone", ERR_PROGRAM, "names source_profile nowhere");
	expect_error("mfa", ERR_PROGRAM, "mfa_serial");
	expect_error("sso", ERR_PROGRAM, "signs in by a browser");
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(config, sizeof config, "%s/config", folder);
	snprintf(credentials, sizeof credentials, "%s/credentials", folder);
	snprintf(script, sizeof script, "%s/script", folder);
	setenv("AWS_CONFIG_FILE", config, 1);
	setenv("AWS_SHARED_CREDENTIALS_FILE", credentials, 1);
	setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	return 0;
}

static int remove_folder(void **state)
{
	char log[120];

	(void)state;
	snprintf(log, sizeof log, "%s.log", script);
	unlink(config);
	unlink(credentials);
	unlink(script);
	unlink(log);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_environment_comes_first),
		cmocka_unit_test(a_process_stands_between_the_files),
		cmocka_unit_test(a_key_is_fetched_anew_before_it_expires),
		cmocka_unit_test(nothing_is_told_in_one_line),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("awscreds", tests, make_folder, remove_folder);
}
