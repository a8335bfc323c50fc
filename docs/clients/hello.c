#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static FILE *in, *out;

/* text finds the text behind a key, and how long it is. */
static int text(const char *line, const char *key, const char **found) {
	char name[32];
	snprintf(name, sizeof name, "\"%s\":\"", key);
	const char *from = strstr(line, name);
	*found = from ? from + strlen(name) : "";
	return strcspn(*found, "\"");
}

static void greet(int id, const char *name) {
	static char *answer;
	static size_t size;
	char start[32];
	int n = snprintf(start, sizeof start, "{\"id\":%d,", id);
	fprintf(out, "{\"id\":%d,\"method\":\"hello.greet\",\"params\":{\"name\":\"%s\"}}\n", id, name);
	fflush(out);
	do
		if (getline(&answer, &size, in) < 0)
			exit(1);
	while (strncmp(answer, start, n));
	const char *what, *why;
	int m = text(answer, "name", &what);
	if (!strncmp(answer + n, "\"error\":", 8))
		n = text(answer, "message", &why), printf("%.*s: %.*s\n", m, what, n, why);
	else
		n = text(answer, "text", &what), printf("%.*s\n", n, what);
}

int main(void) {
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	const char *dir = getenv("SABIR_DIR");
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	snprintf(at.sun_path, sizeof at.sun_path, "%s/hello.sock", dir ? dir : "");
	if (connect(s, (struct sockaddr *)&at, sizeof at)) {
		perror(at.sun_path);
		return 1;
	}
	in = fdopen(s, "r"), out = fdopen(dup(s), "w");
	greet(1, "ann");
	greet(2, "bob");
}
