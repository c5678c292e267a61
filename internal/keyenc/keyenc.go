// Package keyenc turns BSON values into bytes whose order is BSON order.
//
// The bytes of two values compare as bsonx.Compare does, and values that compare equal have
// equal bytes: 1, 1.0 and NumberDecimal("1.00") are one key. What that forgets (the numeric
// type, the sign of zero, …) is kept apart, as type bits, so that Decode gives back the very
// value.
//
// An encoded value starts with a marker that says its class. No encoded value is a prefix of
// another, none starts with 0x00 or 0xff, ascending or descending. So encoded fields can be
// strung together to a compound key, and a prefix of fields followed by Above is an upper
// bound of all keys that start with it.
//
//	marker                                   payload
//	MinKey, missing, null, false, true, MaxKey
//	numbers                                  see number.go
//	string, symbol, javascript               escaped bytes, 0x00
//	document                                 (marker, name, 0x00, payload)*, 0x00
//	array                                    (marker, payload)*, 0x00
//	binary                                   length, subtype, bytes
//	ObjectID, date, timestamp                12, 8, 8 bytes
//	regex                                    pattern, 0x00, options, 0x00
//	DBPointer                                length, bytes
//	javascript with scope                    escaped bytes, 0x00, document payload
package keyenc

import (
	"encoding/binary"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/collation"
)

// Below and Above, appended to encoded fields, are below and above every key that starts with
// these fields and has more of them, or a record id.
const (
	Below = 0x00
	Above = 0xff
)

// The markers, in order. Numbers have several, see number.go.
const (
	markEnd           = 0x00 // ends documents and arrays, below every marker
	markMinKey        = 0x08
	markMissing       = 0x0a
	markNull          = 0x0c
	markNumberFirst   = 0x10
	markNumberLast    = 0x3f
	markString        = 0x48
	markDocument      = 0x50
	markArray         = 0x58
	markBinary        = 0x60
	markObjectID      = 0x68
	markFalse         = 0x70
	markTrue          = 0x71
	markDateTime      = 0x78
	markTimestamp     = 0x80
	markRegex         = 0x88
	markDBPointer     = 0x90
	markJavaScript    = 0x98
	markCodeWithScope = 0xa0
	markMaxKey        = 0xf0
)

// Append appends the ascending encoding of v. It does not allocate for scalars but decimals,
// beyond growing dst.
func Append(dst []byte, v bsonx.Value) []byte {
	return appendValue(dst, v, nil)
}

func appendValue(dst []byte, v bsonx.Value, coll *collation.Collation) []byte {
	if v.Type.IsNumber() {
		return appendNumber(dst, v)
	}
	return appendPayload(append(dst, marker(v)), v, coll)
}

// AppendCollated is AppendField with the collation's keys in the places of strings, so that the
// order is that of coll.Compare and values that it does not tell apart are one key. Decode gives
// back the key instead of the string. A nil collation is the binary one.
func AppendCollated(dst []byte, v bsonx.Value, desc bool, coll *collation.Collation) []byte {
	n := len(dst)
	dst = appendValue(dst, v, coll)
	if desc {
		invert(dst[n:])
	}
	return dst
}

// AppendDesc appends the descending encoding of v: the ascending one with all bits inverted.
func AppendDesc(dst []byte, v bsonx.Value) []byte {
	n := len(dst)
	dst = Append(dst, v)
	invert(dst[n:])
	return dst
}

// AppendField appends v in the direction of an index field.
func AppendField(dst []byte, v bsonx.Value, desc bool) []byte {
	if desc {
		return AppendDesc(dst, v)
	}
	return Append(dst, v)
}

// AppendClassLow appends a lower bound, AppendClassHigh an upper bound, of the ascending
// encodings of all values of a class. Both are outside the class themselves.
func AppendClassLow(dst []byte, c bsonx.Class) []byte { return append(dst, classMarks[c][0]) }

// AppendClassHigh appends the upper bound that AppendClassLow describes.
func AppendClassHigh(dst []byte, c bsonx.Class) []byte { return append(dst, classMarks[c][1]+1) }

// classMarks holds the first and the last marker of a class.
var classMarks = [256][2]byte{
	bsonx.ClassMinKey:        {markMinKey, markMinKey},
	bsonx.ClassMissing:       {markMissing, markMissing},
	bsonx.ClassNull:          {markNull, markNull},
	bsonx.ClassNumber:        {markNumberFirst, markNumberLast},
	bsonx.ClassString:        {markString, markString},
	bsonx.ClassDocument:      {markDocument, markDocument},
	bsonx.ClassArray:         {markArray, markArray},
	bsonx.ClassBinary:        {markBinary, markBinary},
	bsonx.ClassObjectID:      {markObjectID, markObjectID},
	bsonx.ClassBool:          {markFalse, markTrue},
	bsonx.ClassDateTime:      {markDateTime, markDateTime},
	bsonx.ClassTimestamp:     {markTimestamp, markTimestamp},
	bsonx.ClassRegex:         {markRegex, markRegex},
	bsonx.ClassDBPointer:     {markDBPointer, markDBPointer},
	bsonx.ClassJavaScript:    {markJavaScript, markJavaScript},
	bsonx.ClassCodeWithScope: {markCodeWithScope, markCodeWithScope},
	bsonx.ClassMaxKey:        {markMaxKey, markMaxKey},
}

func marker(v bsonx.Value) byte {
	marks := &classMarks[v.Type.Class()]
	if v.Type == bsonx.TypeBool && v.Bool() {
		return marks[1]
	}
	return marks[0]
}

// appendPayload appends what follows the marker of a value that is not a number.
func appendPayload(dst []byte, v bsonx.Value, coll *collation.Collation) []byte {
	switch v.Type {
	case bsonx.TypeString, bsonx.TypeSymbol:
		if coll != nil {
			return appendCollatedString(dst, v.Bytes(), coll)
		}
		return appendEscaped(dst, v.Bytes())
	case bsonx.TypeJavaScript:
		return appendEscaped(dst, v.Bytes())
	case bsonx.TypeObjectID, bsonx.TypeRegex:
		return append(dst, v.Bytes()...)
	case bsonx.TypeDateTime:
		return binary.BigEndian.AppendUint64(dst, uint64(v.DateTime())^(1<<63))
	case bsonx.TypeTimestamp:
		return binary.BigEndian.AppendUint64(dst, v.Timestamp())
	case bsonx.TypeDocument:
		return appendDoc(dst, v.Doc(), coll)
	case bsonx.TypeArray:
		return appendArray(dst, v.Doc(), coll)
	case bsonx.TypeBinary:
		subtype, b := v.Binary()
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(b)))
		return append(append(dst, subtype), b...)
	case bsonx.TypeDBPointer:
		b := v.Bytes()
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(b)))
		return append(dst, b...)
	case bsonx.TypeCodeWithScope:
		code, scope := v.CodeWithScope()
		dst = appendEscaped(dst, []byte(code))
		return appendDoc(dst, scope, nil)
	}
	return dst // null, missing, booleans, MinKey, MaxKey: the marker says it all
}

// appendDoc appends marker, name, payload per field, since documents are compared by class,
// then name, then value.
func appendDoc(dst []byte, d bsonx.Doc, coll *collation.Collation) []byte {
	for it := d.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			return append(dst, markEnd)
		}
		if v.Type.IsNumber() {
			// All numbers are one class, so its marker comes before the name, that
			// of the number after.
			dst = append(dst, markNumberFirst)
			dst = append(append(dst, name...), 0)
			dst = appendNumber(dst, v)
			continue
		}
		// So are booleans.
		mark := classMarks[v.Type.Class()][0]
		dst = append(dst, mark)
		dst = append(append(dst, name...), 0)
		if mark == markFalse {
			dst = append(dst, marker(v))
		}
		dst = appendPayload(dst, v, coll)
	}
}

func appendArray(dst []byte, d bsonx.Doc, coll *collation.Collation) []byte {
	for it := d.Iter(); ; {
		_, v, ok := it.Next()
		if !ok {
			return append(dst, markEnd)
		}
		dst = appendValue(dst, v, coll)
	}
}

// appendCollatedString appends the escaped key of s. The key itself goes behind the place of the
// result, which is then moved over it.
func appendCollatedString(dst, s []byte, coll *collation.Collation) []byte {
	n := len(dst)
	dst = coll.AppendKey(dst, s)
	end := len(dst)
	dst = appendEscaped(dst, dst[n:end])
	return append(dst[:n], dst[end:]...)
}

// Strings end in 0x00. A 0x00 in them is written as 0x01 0x01, a 0x01 as 0x01 0x02, which
// keeps the order and costs ordinary text nothing.
const (
	stringEnd = 0x00
	escape    = 0x01
)

func appendEscaped(dst, s []byte) []byte {
	for {
		i := 0
		for i < len(s) && s[i] > escape {
			i++
		}
		dst = append(dst, s[:i]...)
		if i == len(s) {
			return append(dst, stringEnd)
		}
		dst = append(dst, escape, s[i]+1)
		s = s[i+1:]
	}
}

func invert(b []byte) {
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, ^binary.LittleEndian.Uint64(b))
		b = b[8:]
	}
	for i := range b {
		b[i] = ^b[i]
	}
}
