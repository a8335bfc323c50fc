package wire

import (
	"bytes"
	"errors"
	"math"

	"github.com/fxamacker/cbor/v2"
	"github.com/go-json-experiment/json/jsontext"
)

// What other people's libraries say of the same bytes.

// jsonOracle reports whether b is one strict JSON value, and how deep it nests.
func jsonOracle(b []byte) (depth int, ok bool) {
	if !jsontext.Value(b).IsValid(jsontext.AllowDuplicateNames(false), jsontext.AllowInvalidUTF8(false)) {
		return 0, false
	}
	level, inString := 0, false
	for i := 0; i < len(b); i++ {
		switch c := b[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{', c == '[':
			level++
			depth = max(depth, level)
		case c == '}', c == ']':
			level--
		}
	}
	return depth, true
}

var cborStrict = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		MaxNestedLevels:  2*MaxDepth + 1, // it counts tags too; cborOracle has the real limit
		MaxArrayElements: math.MaxInt32,
		MaxMapPairs:      math.MaxInt32,
		UTF8:             cbor.UTF8RejectInvalid,
		NaN:              cbor.NaNDecodeForbidden,
		Inf:              cbor.InfDecodeForbidden,
	}.DecMode()
	if err != nil {
		panic(err)
	}
	return mode
}()

var errOracle = errors.New("not what spec [C2] allows")

// cborOracle reports why b is not one strict value. The library judges what is
// well-formed, its text, keys and floats; what remains is which kinds there are.
func cborOracle(b []byte) error {
	// The library passes over the tag that Magic is, so it gets another instead.
	// In text the two are bad UTF-8 alike.
	b = bytes.ReplaceAll(b, Magic[:], []byte{0xD9, 0xD9, 0xF6})
	if err := cborStrict.Wellformed(b); err != nil {
		return err
	}
	return cborOracleValue(b, 1)
}

func cborOracleValue(b []byte, depth int) error {
	container := b[0]>>5 == majorList || b[0]>>5 == majorMap
	if container && depth > MaxDepth {
		return errOracle
	}
	switch b[0] >> 5 {
	case majorText:
		var s string
		return cborStrict.Unmarshal(b, &s)
	case majorList:
		var list []cbor.RawMessage
		if err := cborStrict.Unmarshal(b, &list); err != nil {
			return err
		}
		for _, e := range list {
			if err := cborOracleValue(e, depth+1); err != nil {
				return err
			}
		}
	case majorMap:
		var m map[any]cbor.RawMessage
		if err := cborStrict.Unmarshal(b, &m); err != nil {
			return err
		}
		for k, e := range m {
			if _, ok := k.(string); !ok {
				return errOracle
			}
			if err := cborOracleValue(e, depth+1); err != nil {
				return err
			}
		}
	case majorTag:
		var tag cbor.RawTag
		if err := cborStrict.Unmarshal(b, &tag); err != nil {
			return err
		}
		if tag.Number != cborBytesTag || tag.Content[0]>>5 != majorBytes {
			return errOracle
		}
	case majorSimple:
		switch b[0] {
		case cborFalse, cborTrue, cborNull:
		case 0xF9, 0xFA, 0xFB:
			var f float64
			return cborStrict.Unmarshal(b, &f)
		default:
			return errOracle
		}
	}
	return nil
}
