#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static FILE *in, *out;
static char *line;
static size_t size;
static int last;

/* value finds what is behind a key on any level, and copies a text without its escapes, or a number. */
static char *value(const char *json, const char *key) {
	static char texts[4][4097];
	static int turn;
	char name[64], *to = texts[turn++ & 3], *start = to;
	snprintf(name, sizeof name, "\"%s\":", key);
	const char *from = strstr(json, name);
	*to = 0;
	if (!from)
		return start;
	from += strlen(name);
	int quoted = *from == '"';
	for (from += quoted; *from && to < start + 4096 && (quoted ? *from != '"' : !strchr(",}]", *from)); from++) {
		if (*from == '\\' && from[1])
			from++;
		*to++ = *from;
	}
	*to = 0;
	return start;
}

/* quote writes a text as JSON. */
static void quote(const char *text) {
	fputc('"', out);
	for (; *text; text++)
		if ((unsigned char)*text < 32)
			fprintf(out, "\\u%04x", *text);
		else
			fprintf(out, strchr("\"\\", *text) ? "\\%c" : "%c", *text);
	fputc('"', out);
}

/* call returns the line of the result or of the first item. */
static char *call(const char *method, const char *room, const char *name, const char *more) {
	char item[64], answer[32];
	fprintf(out, "{\"id\":%d,\"method\":\"%s\",\"params\":{\"room\":\"%s\"", ++last, method, room);
	if (name) {
		fputs(",\"name\":", out);
		quote(name);
	}
	fprintf(out, "%s}\n", more);
	fflush(out);
	int i = snprintf(item, sizeof item, "{\"method\":\"rpc.item\",\"params\":{\"id\":%d,", last);
	int a = snprintf(answer, sizeof answer, "{\"id\":%d,", last);
	while (getline(&line, &size, in) > 0) {
		if (!strncmp(line, item, i))
			return line;
		if (strncmp(line, answer, a))
			continue;
		if (strncmp(line + a, "\"error\":", 8))
			return line;
		char *data = strstr(line, "\"data\":");
		fprintf(stderr, "%s: %s\n", value(data ? data : "", "name"), value(line, "message"));
		exit(1);
	}
	fputs("the service ended the connection\n", stderr);
	exit(1);
}

int main(int argc, char **argv) {
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const char *dir = getenv("SABIR_DIR");
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(at.sun_path, sizeof at.sun_path, "%s/lounge.sock", dir ? dir : "");
	if (argc < 2 || connect(s, (struct sockaddr *)&at, sizeof at)) {
		perror(at.sun_path);
		return 1;
	}
	in = fdopen(s, "r"), out = fdopen(dup(s), "w");
	puts(value(call("lounge.join", "dev", argv[1], "}"), "members"));
	char *message = call("lounge.message", "dev", NULL, "},\"window\":0,\"since\":{\"epoch\":\"\",\"seq\":0}");
	printf("%s: %s\n", value(message, "name"), value(message, "text"));
	call("lounge.say", "attic", argv[1], ",\"text\":\"hello\"}");
}
