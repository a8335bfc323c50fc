package wire

import "unicode/utf8"

// maxEcho is how many bytes an error or a log repeats of one name in a message. spec [B5]
const maxEcho = 256

// Clip shortens what a peer said to what an error or a log may repeat of it: else a message of the largest size would
// be answered by a larger one, and fill the log.
func Clip(s string) string {
	if len(s) <= maxEcho {
		return s
	}
	n := maxEcho
	for n > maxEcho-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
