// Package vectors holds the cases that decide what spec/ means, as text that
// any language can read: conversations with the service probe, and single
// frames. README.md here explains the form.
package vectors

import "embed"

// FS has the conversations (*.talk), the frames (frames.tsv) and the
// description of the service that the conversations are with (probe.sabir).
//
//go:embed *.talk frames.tsv probe.sabir
var FS embed.FS
