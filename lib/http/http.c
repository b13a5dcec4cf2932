#include "http/http.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include <curl/curl.h>

/* The type checks of curl.h are macros with the names of its functions, which are pointers here. */
#undef curl_easy_setopt
#undef curl_easy_getinfo

#include "mem/mem.h"

/* ---- libcurl ---- */

static struct {
	CURLcode (*global_init)(long flags);
	CURL *(*easy_init)(void);
	void (*easy_reset)(CURL *);
	CURLcode (*easy_setopt)(CURL *, CURLoption, ...);
	CURLcode (*easy_perform)(CURL *);
	CURLcode (*easy_getinfo)(CURL *, CURLINFO, ...);
	void (*easy_cleanup)(CURL *);
	const char *(*easy_strerror)(CURLcode);
	struct curl_slist *(*slist_append)(struct curl_slist *, const char *);
	void (*slist_free_all)(struct curl_slist *);
} curl;

static bool is_loaded;

/* ISO C knows no way from void * to a function; POSIX promises this one. */
static bool find(void *library, const char *name, void *function)
{
	void *symbol = dlsym(library, name);

	memcpy(function, &symbol, sizeof symbol);
	return symbol != NULL;
}

static int load(struct err *err)
{
	void *library;
	bool is_whole;

	if (is_loaded)
		return 0;
	library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
	if (!library)
		return err_set(err, ERR_IO, "cannot load libcurl.so.4, which S3 needs: %.120s", dlerror());
	is_whole = find(library, "curl_global_init", &curl.global_init) &&
		   find(library, "curl_easy_init", &curl.easy_init) &&
		   find(library, "curl_easy_reset", &curl.easy_reset) &&
		   find(library, "curl_easy_setopt", &curl.easy_setopt) &&
		   find(library, "curl_easy_perform", &curl.easy_perform) &&
		   find(library, "curl_easy_getinfo", &curl.easy_getinfo) &&
		   find(library, "curl_easy_cleanup", &curl.easy_cleanup) &&
		   find(library, "curl_easy_strerror", &curl.easy_strerror) &&
		   find(library, "curl_slist_append", &curl.slist_append) &&
		   find(library, "curl_slist_free_all", &curl.slist_free_all);
	if (!is_whole || curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return err_set(err, ERR_IO, "libcurl.so.4 cannot be used");
	is_loaded = true;
	return 0;
}

/* ---- a handle ---- */

struct http {
	struct http_opts opts;
	CURL *easy;
	char reason[CURL_ERROR_SIZE];
};

struct http *http_open(const struct http_opts *opts, struct err *err)
{
	struct http *h;

	if (load(err) < 0)
		return NULL;
	h = mem_alloc(1, sizeof *h);
	h->opts = *opts;
	h->easy = curl.easy_init();
	if (!h->easy)
		mem_fail();
	return h;
}

void http_close(struct http *h)
{
	if (!h)
		return;
	curl.easy_cleanup(h->easy);
	free(h);
}

void http_answer_release(struct http_answer *a)
{
	buf_release(&a->body);
	buf_release(&a->headers);
	a->status = 0;
}

struct slice http_header(const struct http_answer *a, const char *name)
{
	const char *p = a->headers.p, *end = p + a->headers.len;
	size_t name_len = strlen(name);

	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p)), *next = eol ? eol + 1 : end;

		eol = eol ? eol : end;
		if ((size_t)(eol - p) > name_len && p[name_len] == ':' && strncasecmp(p, name, name_len) == 0) {
			p += name_len + 1;
			while (p < eol && (*p == ' ' || *p == '\t'))
				p++;
			while (eol > p && strchr(" \t\r", eol[-1]) && eol[-1])
				eol--;
			return (struct slice){p, (size_t)(eol - p)};
		}
		p = next;
	}
	return (struct slice){NULL, 0};
}

/* ---- one exchange ---- */

struct exchange {
	struct http *h;
	const struct http_request *r;
	struct http_answer *a;
	struct curl_slist *headers;
	bool is_head_whole;
	uint64_t sent;
	struct err err; /* of a function of the caller, or of the body's file */
};

static size_t give_body(char *to, size_t size, size_t n, void *ctx)
{
	struct exchange *x = ctx;
	uint64_t len = x->r->body.p ? x->r->body.len : x->r->fd_len, left = len - x->sent;
	size_t want = size * n < left ? size * n : (size_t)left;
	ssize_t got;

	if (x->r->body.p) {
		memcpy(to, x->r->body.p + x->sent, want);
		x->sent += want;
		return want;
	}
	do
		got = pread(x->r->fd, to, want, x->r->fd_offset + (off_t)x->sent);
	while (got < 0 && errno == EINTR);
	if (got < 0 || (got == 0 && want)) {
		if (got < 0)
			err_sys(&x->err, "cannot read the spool");
		else
			err_set(&x->err, ERR_IO, "a file of the spool became shorter");
		return CURL_READFUNC_ABORT;
	}
	x->sent += (uint64_t)got;
	return (size_t)got;
}

static size_t take_header(char *p, size_t size, size_t n, void *ctx)
{
	struct exchange *x = ctx;

	/* An interim answer (100) was no answer. */
	if (size * n > 5 && memcmp(p, "HTTP/", 5) == 0) {
		buf_reset(&x->a->headers);
		x->is_head_whole = false;
	}
	if (size * n > 0 && (*p == '\r' || *p == '\n'))
		x->is_head_whole = true;
	if (x->a->headers.len + size * n > HTTP_BODY_MAX_BYTES)
		return 0;
	buf_add(&x->a->headers, p, size * n);
	return size * n;
}

static size_t take_body(char *p, size_t size, size_t n, void *ctx)
{
	struct exchange *x = ctx;
	long status = 0;

	curl.easy_getinfo(x->h->easy, CURLINFO_RESPONSE_CODE, &status);
	if (x->r->take && status >= 200 && status < 300)
		return x->r->take(x->r->ctx, p, size * n, &x->err) < 0 ? 0 : size * n;
	if (x->a->body.len + size * n > HTTP_BODY_MAX_BYTES) {
		err_set(&x->err, ERR_REFUSED, "the answer is too long");
		return 0;
	}
	buf_add(&x->a->body, p, size * n);
	return size * n;
}

static int see_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct exchange *x = ctx;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return x->h->opts.is_cancelled && x->h->opts.is_cancelled(x->h->opts.ctx);
}

/* To libcurl "Name:" is a header to leave out, and "Name;" one without a value. */
static void add_header(struct exchange *x, const char *header)
{
	size_t name_len = strcspn(header, ":");
	char *empty;

	if (header[name_len + strspn(header + name_len, ": \t")]) {
		x->headers = curl.slist_append(x->headers, header);
		return;
	}
	empty = mem_dup(header, name_len + 1);
	empty[name_len] = ';';
	x->headers = curl.slist_append(x->headers, empty);
	free(empty);
}

static void add_headers(struct exchange *x)
{
	static const char *const left_out[] = {"Expect:", "Accept:", "Transfer-Encoding:"};
	bool has_type = false;

	for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
		x->headers = curl.slist_append(x->headers, left_out[i]);
	for (size_t i = 0; i < x->r->n_headers; i++) {
		add_header(x, x->r->headers[i]);
		has_type = has_type || strncasecmp(x->r->headers[i], "Content-Type:", 13) == 0;
	}
	if (!has_type)
		x->headers = curl.slist_append(x->headers, "Content-Type:");
	if (!x->headers)
		mem_fail();
}

static long to_ms(int64_t us, int64_t otherwise_us)
{
	return (long)((us ? us : otherwise_us) / 1000);
}

static void set_handle(const struct exchange *x)
{
	const struct http_opts *o = &x->h->opts;
	long read_s = (to_ms(o->read_timeout_us, HTTP_READ_DEFAULT_US) + 999) / 1000;
	CURL *e = x->h->easy;

	curl.easy_reset(e);
	curl.easy_setopt(e, CURLOPT_ERRORBUFFER, x->h->reason);
	curl.easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl.easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
	curl.easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl.easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl.easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
	curl.easy_setopt(e, CURLOPT_USERAGENT, o->user_agent);
	curl.easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, to_ms(o->connect_timeout_us, HTTP_CONNECT_DEFAULT_US));
	curl.easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl.easy_setopt(e, CURLOPT_LOW_SPEED_TIME, read_s);
	curl.easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, 1L << 20);
	curl.easy_setopt(e, CURLOPT_BUFFERSIZE, 256L << 10);
	if (o->ca_bundle)
		curl.easy_setopt(e, CURLOPT_CAINFO, o->ca_bundle);
	if (o->is_direct)
		curl.easy_setopt(e, CURLOPT_NOPROXY, "*");
	curl.easy_setopt(e, CURLOPT_NOPROGRESS, 0L);
	curl.easy_setopt(e, CURLOPT_XFERINFOFUNCTION, see_progress);
	curl.easy_setopt(e, CURLOPT_XFERINFODATA, x);
}

/* A body goes the way of uploads, whatever the method is called, so that its length is told and it is not kept. */
static void set_request(struct exchange *x)
{
	const struct http_request *r = x->r;
	uint64_t len = r->body.p ? r->body.len : r->fd_len;
	CURL *e = x->h->easy;

	curl.easy_setopt(e, CURLOPT_URL, r->url);
	if (strcmp(r->method, "HEAD") == 0) {
		curl.easy_setopt(e, CURLOPT_NOBODY, 1L);
	} else if (len || strcmp(r->method, "PUT") == 0 || strcmp(r->method, "POST") == 0) {
		curl.easy_setopt(e, CURLOPT_UPLOAD, 1L);
		curl.easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)len);
		curl.easy_setopt(e, CURLOPT_READFUNCTION, give_body);
		curl.easy_setopt(e, CURLOPT_READDATA, x);
		curl.easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
	} else {
		curl.easy_setopt(e, CURLOPT_CUSTOMREQUEST, r->method);
	}
	add_headers(x);
	curl.easy_setopt(e, CURLOPT_HTTPHEADER, x->headers);
	curl.easy_setopt(e, CURLOPT_HEADERFUNCTION, take_header);
	curl.easy_setopt(e, CURLOPT_HEADERDATA, x);
	curl.easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
	curl.easy_setopt(e, CURLOPT_WRITEDATA, x);
	curl.easy_setopt(e, CURLOPT_FRESH_CONNECT, r->is_fresh ? 1L : 0L);
}

static enum err_code code_of(CURLcode code)
{
	switch (code) {
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_WEIRD_SERVER_REPLY:
		return ERR_REFUSED;
	default:
		return ERR_UNREACHABLE;
	}
}

static bool is_before_sending(CURLcode code)
{
	return code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY ||
	       code == CURLE_COULDNT_CONNECT || code == CURLE_SSL_CONNECT_ERROR || code_of(code) == ERR_REFUSED;
}

static int tell(const struct exchange *x, CURLcode code, struct err *err)
{
	const char *reason = *x->h->reason ? x->h->reason : curl.easy_strerror(code);

	if (x->err.code != ERR_NONE) {
		*err = x->err;
		return -1;
	}
	if (code == CURLE_ABORTED_BY_CALLBACK)
		return err_set(err, ERR_UNREACHABLE, "given up");
	return err_set(err, code_of(code), "%.150s", reason);
}

int http_do(struct http *h, const struct http_request *r, struct http_answer *a, struct err *err)
{
	struct exchange x = {.h = h, .r = r, .a = a};
	long status = 0;
	CURLcode code;

	a->status = 0;
	a->is_sent = false;
	buf_reset(&a->body);
	buf_reset(&a->headers);
	*h->reason = '\0';
	set_handle(&x);
	set_request(&x);
	code = curl.easy_perform(h->easy);
	curl.slist_free_all(x.headers);
	curl.easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
	a->is_sent = !is_before_sending(code);
	/* A server that answers before it has read all, and closes, has answered. */
	if (code == CURLE_SEND_ERROR && status >= 300)
		code = CURLE_OK;
	if (code != CURLE_OK)
		return tell(&x, code, err);
	/* The library takes the end of the connection for that of the head, too: a header may be missing. */
	if (!x.is_head_whole)
		return err_set(err, ERR_UNREACHABLE, "the head of the answer breaks off");
	a->status = (int)status;
	return 0;
}
