package keyenc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"

	"github.com/tandemdb/tandem/internal/bsonx"
)

var errMalformed = errors.New("keyenc: malformed key")

// maxRawArray bounds what a malformed length can make Decode allocate.
const maxRawArray = 1 << 25

// Decode reads one value from the start of key, and returns it with the rest of key and of the
// type bits. With the type bits of the same value it is the exact inverse of Append; with
// none, numbers come back in the first type that holds them. The value may alias key and
// typeBits. It fails on a truncated key.
func Decode(key []byte, desc bool, typeBits []byte) (v bsonx.Value, restKey, restBits []byte, err error) {
	if desc {
		rest, err := Skip(key, true)
		if err != nil {
			return v, nil, nil, err
		}
		asc := bytes.Clone(key[:len(key)-len(rest)])
		invert(asc)
		v, _, restBits, err = Decode(asc, false, typeBits)
		return v, rest, restBits, err
	}
	d := decoder{key: key, bits: bitReader{typeBits}}
	v, err = d.value()
	return v, d.key, d.bits.b, err
}

// decoder reads ascending encodings.
type decoder struct {
	key  []byte
	bits bitReader
}

func (d *decoder) take(n int) ([]byte, error) {
	if n < 0 || len(d.key) < n {
		return nil, errMalformed
	}
	b := d.key[:n:n]
	d.key = d.key[n:]
	return b, nil
}

func (d *decoder) byte() (byte, error) {
	b, err := d.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (d *decoder) value() (bsonx.Value, error) {
	mark, err := d.byte()
	if err != nil {
		return bsonx.Value{}, err
	}
	return d.payload(mark)
}

func (d *decoder) payload(mark byte) (bsonx.Value, error) {
	switch mark {
	case markMinKey:
		return bsonx.MinKey, nil
	case markMaxKey:
		return bsonx.MaxKey, nil
	case markMissing:
		if d.bits.tag() == tagMissing {
			return bsonx.Value{}, nil
		}
		return bsonx.Undefined, nil
	case markNull:
		return bsonx.Null, nil
	case markFalse, markTrue:
		return bsonx.Bool(mark == markTrue), nil
	case markString:
		return d.str()
	case markJavaScript:
		s, err := d.escaped()
		v, _, _ := bsonx.Payload(bsonx.TypeJavaScript, stringPayload(s))
		return v, err
	case markObjectID:
		return d.fixed(bsonx.TypeObjectID, 12)
	case markDateTime, markTimestamp:
		return d.time(mark)
	case markDocument:
		doc, err := d.document()
		return bsonx.Document(doc), err
	case markArray:
		return d.array()
	case markBinary:
		return d.binary()
	case markRegex:
		return d.regex()
	case markDBPointer:
		return d.dbPointer()
	case markCodeWithScope:
		return d.codeWithScope()
	}
	if mark >= markNumberFirst && mark <= markNumberLast {
		return d.number(mark)
	}
	return bsonx.Value{}, errMalformed
}

func (d *decoder) fixed(t bsonx.Type, n int) (bsonx.Value, error) {
	b, err := d.take(n)
	if err != nil {
		return bsonx.Value{}, err
	}
	v, _, _ := bsonx.Payload(t, b)
	return v, nil
}

func (d *decoder) time(mark byte) (bsonx.Value, error) {
	b, err := d.take(8)
	if err != nil {
		return bsonx.Value{}, err
	}
	n := binary.BigEndian.Uint64(b)
	if mark == markTimestamp {
		return bsonx.Timestamp(n), nil
	}
	return bsonx.DateTime(int64(n ^ 1<<63)), nil
}

func (d *decoder) str() (bsonx.Value, error) {
	s, err := d.escaped()
	if err != nil {
		return bsonx.Value{}, err
	}
	if d.bits.tag() == tagSymbol {
		return bsonx.Symbol(string(s)), nil
	}
	return bsonx.StringBytes(s), nil
}

// escaped reads an escaped string; the result aliases the key where nothing was escaped.
func (d *decoder) escaped() ([]byte, error) {
	end := bytes.IndexByte(d.key, stringEnd)
	if end < 0 {
		return nil, errMalformed
	}
	s := d.key[:end:end]
	d.key = d.key[end+1:]
	if bytes.IndexByte(s, escape) < 0 {
		return s, nil
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == escape {
			i++
			if i == len(s) || (s[i] != 1 && s[i] != 2) {
				return nil, errMalformed
			}
			out = append(out, s[i]-1)
			continue
		}
		out = append(out, s[i])
	}
	return out, nil
}

func (d *decoder) cstring() ([]byte, error) {
	end := bytes.IndexByte(d.key, 0)
	if end < 0 {
		return nil, errMalformed
	}
	return d.take(end + 1)
}

// document reads the fields of a document into a new one.
func (d *decoder) document() (bsonx.Doc, error) {
	dst := bsonx.AppendDocStart(nil)
	for {
		mark, err := d.byte()
		if err != nil {
			return nil, err
		}
		if mark == markEnd {
			return bsonx.AppendDocEnd(dst, 0), nil
		}
		name, err := d.cstring()
		if err != nil {
			return nil, err
		}
		if mark == markNumberFirst || mark == markFalse {
			if mark, err = d.byte(); err != nil {
				return nil, err
			}
		}
		v, err := d.payload(mark)
		if err != nil {
			return nil, err
		}
		dst = bsonx.AppendElem(dst, string(name[:len(name)-1]), v)
	}
}

func (d *decoder) array() (bsonx.Value, error) {
	if d.bits.tag() == tagRawArray {
		return d.rawArray()
	}
	dst := bsonx.AppendDocStart(nil)
	for i := 0; ; i++ {
		mark, err := d.byte()
		if err != nil {
			return bsonx.Value{}, err
		}
		if mark == markEnd {
			return bsonx.Array(bsonx.AppendDocEnd(dst, 0)), nil
		}
		v, err := d.payload(mark)
		if err != nil {
			return bsonx.Value{}, err
		}
		dst = bsonx.AppendIndexElem(dst, i, v)
	}
}

func (d *decoder) rawArray() (bsonx.Value, error) {
	n := binary.LittleEndian.Uint32(d.bits.raw(4))
	if n > maxRawArray {
		return bsonx.Value{}, errMalformed
	}
	raw := d.bits.raw(int(n))
	s := skipper{key: d.key}
	if err := s.sequence(false); err != nil {
		return bsonx.Value{}, err
	}
	d.key = s.key
	return bsonx.Array(raw), nil
}

func (d *decoder) binary() (bsonx.Value, error) {
	h, err := d.take(5)
	if err != nil {
		return bsonx.Value{}, err
	}
	b, err := d.take(int(binary.BigEndian.Uint32(h)))
	return bsonx.Binary(h[4], b), err
}

func (d *decoder) regex() (bsonx.Value, error) {
	start := d.key
	pattern, err := d.cstring()
	if err != nil {
		return bsonx.Value{}, err
	}
	options, err := d.cstring()
	if err != nil {
		return bsonx.Value{}, err
	}
	v, _, _ := bsonx.Payload(bsonx.TypeRegex, start[:len(pattern)+len(options)])
	return v, nil
}

func (d *decoder) dbPointer() (bsonx.Value, error) {
	h, err := d.take(4)
	if err != nil {
		return bsonx.Value{}, err
	}
	b, err := d.take(int(binary.BigEndian.Uint32(h)))
	if err != nil {
		return bsonx.Value{}, err
	}
	v, _, ok := bsonx.Payload(bsonx.TypeDBPointer, b)
	if !ok {
		return bsonx.Value{}, errMalformed
	}
	return v, nil
}

func (d *decoder) codeWithScope() (bsonx.Value, error) {
	code, err := d.escaped()
	if err != nil {
		return bsonx.Value{}, err
	}
	scope, err := d.document()
	if err != nil {
		return bsonx.Value{}, err
	}
	p := binary.LittleEndian.AppendUint32(nil, uint32(4+4+len(code)+1+len(scope)))
	p = append(append(p, stringPayload(code)...), scope...)
	v, _, _ := bsonx.Payload(bsonx.TypeCodeWithScope, p)
	return v, nil
}

// stringPayload returns a string as BSON writes it: length, bytes, NUL.
func stringPayload(s []byte) []byte {
	p := binary.LittleEndian.AppendUint32(make([]byte, 0, len(s)+5), uint32(len(s)+1))
	return append(append(p, s...), 0)
}

func (d *decoder) number(mark byte) (bsonx.Value, error) {
	f, i, isInt, err := d.magnitude(mark)
	if err != nil {
		return bsonx.Value{}, err
	}
	switch d.bits.tag() {
	case tagRawDecimal:
		v, _, _ := bsonx.Payload(bsonx.TypeDecimal128, d.bits.raw(16))
		return v, nil
	case tagRawDouble:
		return bsonx.Double(math.Float64frombits(binary.LittleEndian.Uint64(d.bits.raw(8)))), nil
	case tagNegZero:
		return bsonx.Double(math.Copysign(0, -1)), nil
	case tagDouble:
		return bsonx.Double(f), nil
	case tagInt64:
		return bsonx.Int64(i), nil
	}
	switch {
	case !isInt:
		return bsonx.Double(f), nil
	case i >= math.MinInt32 && i <= math.MaxInt32:
		return bsonx.Int32(int32(i)), nil
	}
	return bsonx.Int64(i), nil
}

// magnitude reads the payload of a number. isInt says that it is an integer that an int64
// holds.
func (d *decoder) magnitude(mark byte) (f float64, i int64, isInt bool, err error) {
	switch mark {
	case markNaN:
		return math.NaN(), 0, false, nil
	case markInf:
		return math.Inf(1), 0, false, nil
	case markNegInf:
		return math.Inf(-1), 0, false, nil
	case markZero:
		return 0, 0, true, nil
	}
	var flip byte
	if mark < markZero {
		flip = 0xff
		mark = markZero + (markZero - mark)
	}
	whole, fraction := uint64(0), true
	if mark > markWhole && mark < markHuge {
		b, err := d.take(int(mark - markWhole))
		if err != nil {
			return 0, 0, false, err
		}
		for _, c := range b {
			whole = whole<<8 | uint64(c^flip)
		}
		fraction = whole&1 != 0
		whole >>= 1
	} else if mark != markHuge && mark != markBelowOne {
		return 0, 0, false, errMalformed
	}
	if !fraction {
		f, i = float64(whole), int64(whole)
		if flip != 0 {
			f, i = -f, -i
		}
		return f, i, true, nil
	}
	if f, err = d.fraction(flip); err != nil {
		return 0, 0, false, err
	}
	if flip != 0 {
		f = -f
	}
	if f == math.MinInt64 {
		return f, math.MinInt64, true, nil
	}
	return f, 0, false, nil
}

// fraction reads the finer magnitude. Decimal digits beyond the float64 are passed over: the
// type bits of a decimal hold all of it.
func (d *decoder) fraction(flip byte) (float64, error) {
	b, err := d.take(9)
	if err != nil {
		return 0, err
	}
	u := binary.BigEndian.Uint64(b)
	if flip != 0 {
		u = ^u
	}
	if b[8]^flip == moreDigits {
		if _, err := d.take(2); err != nil {
			return 0, err
		}
		end := bytes.IndexByte(d.key, flip)
		if end < 0 {
			return 0, errMalformed
		}
		d.key = d.key[end+1:]
	}
	return math.Float64frombits(u), nil
}
