package conformance

import "strings"

// Unseen are the clauses that the suite cannot see from outside a peer program
// on stdin, stdout and a socket, each with the reason and where else to look.
var Unseen = func() map[string]string {
	all := map[string]string{
		"A2":  "where a daemon makes its socket; the suite starts the peer on stdio",
		"A3":  "the modes of sockets and what is replaced; the suite starts the peer on stdio",
		"A4":  "other users of the machine; conformance/attacks plays them against the Go library",
		"B6":  "the sum over several connections of one caller; a peer on stdio has one",
		"B7":  "what all callers together take; a peer on stdio has one",
		"D3":  "a description from the future; a client that reads none has nothing to show",
		"D5":  "a promise over time: evolution",
		"F5":  "TCP; the suite starts the peer on stdio",
		"O8":  "that nothing happens for ever",
		"T9":  "the names in a description, and no message",
		"U4":  "a hub; the peer is a service or a client",
		"U10": "a hub; the peer is a service or a client",
		"U8":  "a hub; the peer is a service or a client",
		"U12": "a client of a hub, which the suite is not",
	}
	// Whole chapters.
	for prefix, reason := range map[string]string{
		"H1 H2 H3 H4 H5 H6 H7 H8 H9 H10 H11 H12 H13 H14": "HTTP, which a peer on stdio does not speak; vectors/http has its cases",
		"G1 G2 G3 G4 G5":                                     "what is made of a description, for tools; vectors/schema has its cases",
		"I1 I2 I3 I4 I5 I6 I7 I8 I9":                         "the text of descriptions, for tools; vectors/idl has its cases",
		"V1 V2 V3 V4 V5 V6 V7 V8 V9 V10":                     "a judgement on two descriptions, for tools; vectors/diff has its cases",
		"K1 K2 K3 K4 K5 K6 K7 K8 K9 K10 K11 K12 K13 K14 K15": "who is there, over TCP; vectors/scram.tsv has the exchange, the binding's own tests the rest",
		"K16 K17 K18 K19 K20 K21":                            "TLS, files and bearers; the binding's own tests have them",
	} {
		for label := range strings.FieldsSeq(prefix) {
			all[label] = reason
		}
	}
	return all
}()
