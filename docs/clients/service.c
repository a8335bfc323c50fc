/* The service hello, method greet, in C with nothing but libc: for one caller after the other, on $SABIR_DIR/hello.sock. */
#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static FILE *out;

/* value is where the value of a member of an object begins, or NULL; it passes over what is nested. */
static const char *value(const char *o, const char *key) {
	size_t n = strlen(key);
	int depth = 0;
	for (const char *p = o; p && *p; p++) {
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']') {
			if (--depth <= 0)
				return NULL;
		} else if (*p == '"') {
			const char *start = ++p;
			while (*p && *p != '"')
				p += *p == '\\' && p[1] ? 2 : 1;
			const char *colon = *p ? p + 1 : p;
			while (isspace((unsigned char)*colon))
				colon++;
			if (depth == 1 && *colon == ':' && (size_t)(p - start) == n && !strncmp(start, key, n)) {
				do
					colon++;
				while (isspace((unsigned char)*colon));
				return colon;
			}
			if (!*p)
				return NULL;
		}
	}
	return NULL;
}

/* length is how long a value is, of which only texts, numbers and words are asked for. */
static int length(const char *v) {
	const char *p = v;
	if (*p != '"')
		return strcspn(v, ",}] \t\r\n");
	for (p++; *p && *p != '"'; p++)
		if (*p == '\\' && p[1])
			p++;
	return p - v + (*p == '"');
}

static int is(const char *v, const char *text) { return v && length(v) == (int)strlen(text) && !strncmp(v, text, strlen(text)); }

static void fail(const char *id, int code, const char *name, const char *message, const char *params) {
	if (id)
		fprintf(out, "{\"id\":%.*s,\"error\":{\"code\":%d,\"message\":\"%s\",\"data\":{\"name\":\"%s\",\"params\":%s}}}\n",
			length(id), id, code, message, name, params);
}

static void answer(const char *line) {
	const char *id = value(line, "id"), *method = value(line, "method"), *params = value(line, "params");
	const char *name = params && *params == '{' ? value(params, "name") : NULL;
	if (!method || *method != '"')
		fail(id ? id : "null", -32600, "rpc.InvalidRequest", "a request has a method", "{}");
	else if (is(method, "\"rpc.ping\"") && id)
		fprintf(out, "{\"id\":%.*s,\"result\":{}}\n", length(id), id);
	else if (is(method, "\"rpc.describe\"") && id)
		fprintf(out, "{\"id\":%.*s,\"result\":{\"hash\":\"1\",\"services\":[{\"name\":\"hello\",\"version\":\"1.0\",\"doc\":\"Greets people.\",\"members\":"
			"[{\"kind\":\"method\",\"name\":\"greet\",\"doc\":\"Say hello.\",\"params\":[{\"name\":\"name\",\"type\":{\"kind\":\"string\"}}],"
			"\"result\":[{\"name\":\"text\",\"type\":{\"kind\":\"string\"}}],\"errors\":[\"Shy\"]}],\"types\":[],"
			"\"errors\":[{\"name\":\"Shy\",\"fields\":[{\"name\":\"name\",\"type\":{\"kind\":\"string\"}}]}]}]}}\n", length(id), id);
	else if (!is(method, "\"hello.greet\"")) {
		char told[300];
		snprintf(told, sizeof told, "{\"method\":%.*s}", length(method), method);
		fail(id, -32601, "rpc.MethodNotFound", "there is hello.greet", strlen(told) < 290 ? told : "{\"method\":\"\"}");
	} else if (!name || *name != '"')
		fail(id, -32602, "rpc.InvalidParams", "name: expected a text", "{\"faults\":[{\"path\":\"name\",\"reason\":\"expected a text\"}]}");
	else if (is(name, "\"bob\""))
		fail(id, 1, "hello.Shy", "bob wants no greeting", "{\"name\":\"bob\"}");
	else if (id)
		fprintf(out, "{\"id\":%.*s,\"result\":{\"text\":\"hello, %.*s}}\n", length(id), id, length(name) - 1, name + 1);
	fflush(out);
}

int main(void) {
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int door = socket(AF_UNIX, SOCK_STREAM, 0), guest;
	char *line = NULL;
	size_t size = 0;
	signal(SIGPIPE, SIG_IGN);
	snprintf(at.sun_path, sizeof at.sun_path, "%s/hello.sock", getenv("SABIR_DIR") ? getenv("SABIR_DIR") : "/run/sabir");
	umask(0177);
	if (bind(door, (struct sockaddr *)&at, sizeof at) || listen(door, 16)) {
		perror(at.sun_path);
		return 1;
	}
	while ((guest = accept(door, NULL, NULL)) >= 0) {
		FILE *in = fdopen(guest, "r");
		out = fdopen(dup(guest), "w");
		while (getline(&line, &size, in) > 0 && size < 1 << 20)
			if (strspn(line, " \t\r\n") < strlen(line))
				answer(line);
		fclose(in);
		fclose(out);
	}
}
