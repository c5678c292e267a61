package bsonx

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxDepth is MongoDB's limit on nesting of stored documents.
const MaxDepth = 180

// ErrTooDeep is wrapped by the error of Validate for a document nested too deeply.
var ErrTooDeep = errors.New("nested too deeply")

// Validate checks that b is exactly one well-formed BSON document, nested at most
// maxDepth levels. Strings need not be valid UTF-8, as in MongoDB; field names and
// regular expressions must be.
func Validate(b []byte, maxDepth int) error {
	n, ok := size32(b)
	if !ok || n < 5 {
		return errors.New("invalid BSON: document shorter than 5 bytes")
	}
	if n != len(b) {
		return fmt.Errorf("invalid BSON: document says it has %d bytes, there are %d", n, len(b))
	}
	return validateDoc(b, maxDepth)
}

func validateDoc(b []byte, depth int) error {
	if depth <= 0 {
		return fmt.Errorf("BSON document: %w", ErrTooDeep)
	}
	if b[len(b)-1] != 0 {
		return errors.New("invalid BSON: document does not end in NUL")
	}
	pos, end := 4, len(b)-1
	for pos < end {
		t := Type(b[pos])
		nul := bytes.IndexByte(b[pos+1:end], 0)
		if nul < 0 {
			return errors.New("invalid BSON: field name does not end")
		}
		key := b[pos+1 : pos+1+nul]
		if !utf8.Valid(key) {
			return errors.New("invalid BSON: field name is not UTF-8")
		}
		pos += nul + 2
		size, err := validateValue(t, b[pos:end], depth)
		if err != nil {
			return fmt.Errorf("in element with field name '%s': %w", key, err)
		}
		pos += size
	}
	return nil
}

// validateValue checks one payload at the start of b and returns its size.
func validateValue(t Type, b []byte, depth int) (int, error) {
	v, size, ok := decode(t, b)
	if !ok {
		if t == Missing || typeNames[t] == "" {
			return 0, fmt.Errorf("invalid BSON: unrecognized type 0x%02x", byte(t))
		}
		return 0, fmt.Errorf("invalid BSON: %s does not fit", t)
	}
	switch t {
	case TypeString, TypeJavaScript, TypeSymbol:
		if b[size-1] != 0 {
			return 0, fmt.Errorf("invalid BSON: %s does not end in NUL", t)
		}
	case TypeBool:
		if b[0] > 1 {
			return 0, errors.New("invalid BSON: boolean is neither 0 nor 1")
		}
	case TypeBinary:
		if v.num == 2 && (len(v.data) < 4 || int(binary.LittleEndian.Uint32(v.data)) != len(v.data)-4) {
			return 0, errors.New("invalid BSON: binary of subtype 2 has a wrong inner length")
		}
	case TypeDocument, TypeArray:
		return size, validateDoc(v.data, depth-1)
	case TypeDBPointer:
		if b[size-13] != 0 {
			return 0, errors.New("invalid BSON: DBPointer namespace does not end in NUL")
		}
	case TypeCodeWithScope:
		code, n := v.data[4:], 0
		if n, ok = size32(code); !ok || n < 1 || len(code) < 4+n+5 || code[3+n] != 0 {
			return 0, errors.New("invalid BSON: code with scope does not fit")
		}
		scope := code[4+n:]
		if m, ok := size32(scope); !ok || m != len(scope) {
			return 0, errors.New("invalid BSON: scope has a wrong length")
		}
		return size, validateDoc(scope, depth-1)
	}
	return size, nil
}
