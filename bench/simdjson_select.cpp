/*
 * simdjson_select FILE [FIELD=TEXT | FIELD>NUMBER]...: the peer of tlm-filter's select, on simdjson On Demand: the file in
 * batches of whole lines, the fields tested in the order given until one decides, matching lines written as they are.
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <string>
#include <unistd.h>
#include <vector>

#include <simdjson.h>

using namespace simdjson;

struct condition {
	std::string field, text;
	bool is_number;
	double number;
};

static std::vector<condition> read_conditions(int n, char **words)
{
	std::vector<condition> all;

	for (int i = 0; i < n; i++) {
		char *op = strpbrk(words[i], "=>");

		if (!op)
			exit(2);
		all.push_back({std::string(words[i], op), op + 1, *op == '>', *op == '>' ? strtod(op + 1, nullptr) : 0});
	}
	return all;
}

/* A field that is missing or of another type does not match. */
static bool matches(ondemand::document_reference doc, const std::vector<condition> &all)
{
	for (const condition &c : all) {
		auto value = doc.find_field_unordered(c.field);
		std::string_view text;
		double number;

		if (c.is_number ? value.get_double().get(number) || !(number > c.number)
				: value.get_string().get(text) || text != c.text)
			return false;
	}
	return true;
}

static void write_all(const std::string &out)
{
	for (size_t at = 0; at < out.size();) {
		ssize_t n = write(1, out.data() + at, out.size() - at);

		if (n <= 0)
			exit(1);
		at += (size_t)n;
	}
}

static void select_lines(
	ondemand::parser &parser, const char *p, size_t len, size_t batch, const std::vector<condition> &all, std::string &out)
{
	ondemand::document_stream docs;

	if (parser.iterate_many(p, len, batch).get(docs))
		exit(1);
	for (auto i = docs.begin(); i != docs.end(); ++i) {
		ondemand::document_reference doc;

		if ((*i).get(doc))
			exit(1);
		if (matches(doc, all)) {
			const char *from = p + i.current_index();

			out.append(from, (const char *)memchr(from, '\n', (size_t)(p + len - from)) + 1);
		}
	}
}

int main(int argc, char **argv)
{
	enum { BYTES = 4 << 20 };
	std::vector<condition> all = read_conditions(argc - 2, argv + 2);
	std::vector<char> buffer(BYTES + SIMDJSON_PADDING);
	ondemand::parser parser;
	std::string out;
	size_t held = 0;
	ssize_t n;
	int fd = open(argv[1], O_RDONLY);

	if (fd < 0)
		return 1;
	while ((n = read(fd, buffer.data() + held, BYTES - held)) > 0) {
		size_t len = held + (size_t)n;
		const char *lf = (const char *)memrchr(buffer.data(), '\n', len);
		size_t whole = lf ? (size_t)(lf + 1 - buffer.data()) : 0;

		select_lines(parser, buffer.data(), whole, 1 << 20, all, out);
		write_all(out);
		out.clear();
		held = len - whole;
		memmove(buffer.data(), buffer.data() + whole, held);
	}
	return 0;
}
