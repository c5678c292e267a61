package odm

import (
	"bytes"
	"reflect"
	"sync"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
)

// encoder is a buffer with its encoder; nil slices are written as empty arrays.
type encoder struct {
	buf bytes.Buffer
	enc *bson.Encoder
}

// encoderBytesMax is the size above which a buffer is not kept.
const encoderBytesMax = 64 << 10

var encoders = sync.Pool{New: func() any { return &encoder{} }}

// encode writes v as the ODM writes documents.
func encode(v any) (bson.Raw, error) {
	e := encoders.Get().(*encoder)
	defer func() {
		if e.buf.Cap() <= encoderBytesMax {
			encoders.Put(e)
		}
	}()
	e.buf.Reset()
	vw := bson.NewDocumentWriter(&e.buf)
	if e.enc == nil {
		e.enc = bson.NewEncoder(vw)
	} else {
		e.enc.Reset(vw)
	}
	e.enc.NilSliceAsEmpty()
	if err := e.enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.Clone(e.buf.Bytes()), nil
}

func (m *Model[T]) encode(v *T) (bson.Raw, error) {
	raw, err := encode(v)
	if err != nil {
		return nil, &OpError{Model: m.name, Op: "encode", cause: err}
	}
	if m.table.unordered {
		raw = m.table.canonical(raw, reflect.ValueOf(v).Elem())
	}
	return raw, nil
}

// toRaw makes a document of a filter, an update or the like.
func toRaw(v any) (bson.Raw, error) {
	switch v := v.(type) {
	case nil:
		return emptyDoc, nil
	case bson.Raw:
		return v, nil
	case bson.D:
		if len(v) == 0 {
			return emptyDoc, nil
		}
	}
	raw, err := bson.Marshal(v)
	return raw, err
}

var emptyDoc = bson.Raw{5, 0, 0, 0, 0}

// lookup returns the value at a path without looking into arrays; its type is 0 if there is none.
func lookup(doc bson.Raw, path string) bson.RawValue {
	if len(doc) == 0 {
		return bson.RawValue{}
	}
	v, err := doc.LookupErr(splitPath(path)...)
	if err != nil {
		return bson.RawValue{}
	}
	return v
}

func splitPath(path string) []string {
	n := 1
	for i := range len(path) {
		if path[i] == '.' {
			n++
		}
	}
	out := make([]string, 0, n)
	start := 0
	for i := range len(path) {
		if path[i] == '.' {
			out = append(out, path[start:i])
			start = i + 1
		}
	}
	return append(out, path[start:])
}

// elements iterates over the elements of a document, in place.
func elements(doc []byte, fn func(key []byte, v bson.RawValue) error) error {
	if len(doc) < 5 {
		return nil
	}
	rest := doc[4 : len(doc)-1]
	for len(rest) > 0 {
		key, v, more, err := nextElement(rest)
		if err != nil {
			return err
		}
		if err := fn(key, v); err != nil {
			return err
		}
		rest = more
	}
	return nil
}

// nextElement reads the first element of rest.
func nextElement(rest []byte) (key []byte, v bson.RawValue, more []byte, err error) {
	end := bytes.IndexByte(rest[1:], 0)
	if end < 0 {
		return nil, v, nil, bsoncore.ErrMissingNull
	}
	key = rest[1 : 1+end]
	t := bsoncore.Type(rest[0])
	val, more, ok := bsoncore.ReadValue(rest[end+2:], t)
	if !ok {
		return nil, v, nil, bsoncore.NewInsufficientBytesError(rest, more)
	}
	return key, bson.RawValue{Type: bson.Type(t), Value: val.Data}, more, nil
}

// findElement looks a key up; hint is the position to look at first.
func findElement(doc []byte, key []byte) (bson.RawValue, bool) {
	if len(doc) < 5 {
		return bson.RawValue{}, false
	}
	rest := doc[4 : len(doc)-1]
	for len(rest) > 0 {
		k, v, more, err := nextElement(rest)
		if err != nil {
			return bson.RawValue{}, false
		}
		if bytes.Equal(k, key) {
			return v, true
		}
		rest = more
	}
	return bson.RawValue{}, false
}

func appendRawElement(dst []byte, key string, v bson.RawValue) []byte {
	dst = append(dst, byte(v.Type))
	dst = append(dst, key...)
	dst = append(dst, 0)
	return append(dst, v.Value...)
}

// document wraps elements.
func document(elems []byte) bson.Raw {
	return appendDocument(make([]byte, 0, len(elems)+len(emptyDoc)), elems)
}

func appendDocument(dst, elems []byte) []byte {
	idx, dst := bsoncore.AppendDocumentStart(dst)
	dst = append(dst, elems...)
	dst, _ = bsoncore.AppendDocumentEnd(dst, idx)
	return dst
}

// withElements returns doc with elements added at its end.
func withElements(doc bson.Raw, elems []byte) bson.Raw {
	if len(elems) == 0 {
		return doc
	}
	dst := make([]byte, 0, len(doc)+len(elems))
	dst = append(dst, doc[:len(doc)-1]...)
	dst = append(dst, elems...)
	dst = append(dst, 0)
	return bsoncore.UpdateLength(dst, 0, int32(len(dst)))
}

func equalValues(a, b bson.RawValue) bool {
	return a.Type == b.Type && bytes.Equal(a.Value, b.Value)
}
