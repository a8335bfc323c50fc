// Package vectors holds the cases that decide what spec/ means, as text that
// any language can read: conversations with the service probe, single frames
// and exchanges of SCRAM. README.md here explains the form.
package vectors

import "embed"

// FS has the conversations (*.talk), the frames (frames.tsv), the exchanges
// (scram.tsv), the description of the service that the conversations are with
// (probe.sabir, and the same tree in probe.json), texts of descriptions (idl), pairs of them (diff), one as others
// have it (schema), and requests of HTTP with their answers (http).
//
//go:embed *.talk frames.tsv scram.tsv probe.sabir probe.json idl diff schema http
var FS embed.FS
