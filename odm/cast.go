package odm

import (
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
)

var errNotCast = errors.New("no such conversion")

// castScalar converts a value to a kind, as Mongoose would. Null and values that fit stay.
func castScalar(f *field, v bson.RawValue) (bson.RawValue, error) {
	if v.Type == bson.TypeNull || v.Type == bson.TypeRegex {
		return v, nil
	}
	cast := casts[f.kind]
	if cast == nil {
		return v, nil
	}
	out, err := cast(f, v)
	if err != nil {
		return v, err
	}
	if f.kind == kindString && len(f.rules.setters) > 0 {
		out = textOf(f, out)
	}
	if len(f.rules.custom) > 0 {
		out = setOf(f, out)
	}
	return out, nil
}

// setOf runs the setters of a path that are not for strings alone.
func setOf(f *field, v bson.RawValue) bson.RawValue {
	held := reflect.New(valueType(f.typ))
	if v.Unmarshal(held.Interface()) != nil {
		return v
	}
	for _, set := range f.rules.custom {
		set(held.Elem())
	}
	out, err := rawValue(held.Interface())
	if err != nil {
		return v
	}
	return out
}

// textOf runs the setters of a path over a string.
func textOf(f *field, v bson.RawValue) bson.RawValue {
	s, ok := v.StringValueOK()
	if !ok {
		return v
	}
	for _, set := range f.rules.setters {
		s = set(s)
	}
	return mustValue(s)
}

func mustValue(v any) bson.RawValue {
	raw, _ := rawValue(v) // of scalars: cannot fail
	return raw
}

// casts say how a value becomes one of a kind. Kinds without an entry take anything.
var casts = [...]func(f *field, v bson.RawValue) (bson.RawValue, error){
	kindString:   castString,
	kindBool:     castBool,
	kindInt:      castInt,
	kindUint:     castInt,
	kindFloat:    castFloat,
	kindTime:     castTime,
	kindObjectID: castObjectID,
	kindDecimal:  castDecimal,
	kindBinary:   castBinary,
	kindRef:      castRef,
	kindOther:    nil,
}

func castString(_ *field, v bson.RawValue) (bson.RawValue, error) {
	switch v.Type {
	case bson.TypeString:
		return v, nil
	case bson.TypeObjectID:
		return mustValue(v.ObjectID().Hex()), nil
	case bson.TypeInt32, bson.TypeInt64:
		return mustValue(strconv.FormatInt(v.AsInt64(), 10)), nil
	case bson.TypeDouble:
		return mustValue(strconv.FormatFloat(v.Double(), 'g', -1, 64)), nil
	case bson.TypeBoolean:
		return mustValue(strconv.FormatBool(v.Boolean())), nil
	case bson.TypeDecimal128:
		return mustValue(v.Decimal128().String()), nil
	}
	return v, errNotCast
}

func castBool(_ *field, v bson.RawValue) (bson.RawValue, error) {
	text := ""
	switch v.Type {
	case bson.TypeBoolean:
		return v, nil
	case bson.TypeString:
		text = v.StringValue()
	case bson.TypeInt32, bson.TypeInt64:
		text = strconv.FormatInt(v.AsInt64(), 10)
	case bson.TypeDouble:
		text = strconv.FormatFloat(v.Double(), 'g', -1, 64)
	}
	switch text {
	case "true", "1", "yes":
		return mustValue(true), nil
	case "false", "0", "no":
		return mustValue(false), nil
	}
	return v, errNotCast
}

func castInt(f *field, v bson.RawValue) (bson.RawValue, error) {
	switch v.Type {
	case bson.TypeInt32, bson.TypeInt64, bson.TypeDouble, bson.TypeDecimal128:
		return v, nil // numbers compare by value, whatever their type
	case bson.TypeBoolean:
		if v.Boolean() {
			return mustValue(int64(1)), nil
		}
		return mustValue(int64(0)), nil
	case bson.TypeString:
		s := strings.TrimSpace(v.StringValue())
		if s == "" {
			return bson.RawValue{Type: bson.TypeNull}, nil
		}
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return castFloat(f, v)
		}
		return mustValue(n), nil
	}
	return v, errNotCast
}

func castFloat(f *field, v bson.RawValue) (bson.RawValue, error) {
	if v.Type != bson.TypeString {
		return castInt(f, v)
	}
	s := strings.TrimSpace(v.StringValue())
	if s == "" {
		return bson.RawValue{Type: bson.TypeNull}, nil
	}
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) {
		return v, errNotCast
	}
	return mustValue(n), nil
}

func castTime(_ *field, v bson.RawValue) (bson.RawValue, error) {
	switch v.Type {
	case bson.TypeDateTime, bson.TypeTimestamp:
		return v, nil
	case bson.TypeInt32, bson.TypeInt64:
		return mustValue(bson.DateTime(v.AsInt64())), nil
	case bson.TypeDouble:
		return mustValue(bson.DateTime(int64(v.Double()))), nil
	case bson.TypeString:
		s := v.StringValue()
		if s == "" {
			return bson.RawValue{Type: bson.TypeNull}, nil
		}
		t, err := parseTime(s)
		if err != nil {
			ms, numErr := strconv.ParseInt(s, 10, 64)
			if numErr != nil {
				return v, err
			}
			t = time.UnixMilli(ms)
		}
		return mustValue(bson.NewDateTimeFromTime(t)), nil
	}
	return v, errNotCast
}

func castObjectID(_ *field, v bson.RawValue) (bson.RawValue, error) {
	switch v.Type {
	case bson.TypeObjectID:
		return v, nil
	case bson.TypeString:
		id, err := bson.ObjectIDFromHex(v.StringValue())
		if err != nil {
			return v, err
		}
		return mustValue(id), nil
	case bson.TypeEmbeddedDocument:
		if id := lookup(v.Document(), "_id"); id.Type == bson.TypeObjectID {
			return id, nil
		}
	}
	return v, errNotCast
}

func castRef(f *field, v bson.RawValue) (bson.RawValue, error) {
	if f.rules.ref == "" && v.Type == bson.TypeString && len(v.StringValue()) == 24 {
		if id, err := bson.ObjectIDFromHex(v.StringValue()); err == nil {
			return mustValue(id), nil
		}
	}
	if v.Type == bson.TypeEmbeddedDocument {
		if id := lookup(v.Document(), "_id"); id.Type != 0 {
			return id, nil
		}
	}
	return v, nil
}

func castDecimal(_ *field, v bson.RawValue) (bson.RawValue, error) {
	switch v.Type {
	case bson.TypeDecimal128, bson.TypeInt32, bson.TypeInt64, bson.TypeDouble:
		return v, nil
	case bson.TypeString:
		d, err := bson.ParseDecimal128(v.StringValue())
		if err != nil {
			return v, err
		}
		return mustValue(d), nil
	}
	return v, errNotCast
}

func castBinary(_ *field, v bson.RawValue) (bson.RawValue, error) {
	switch v.Type {
	case bson.TypeBinary:
		return v, nil
	case bson.TypeString:
		return mustValue([]byte(v.StringValue())), nil
	}
	return v, errNotCast
}

// castTo casts a value for a path, element by element for arrays.
func castTo(model, path string, f *field, v bson.RawValue) (bson.RawValue, error) {
	switch {
	case f == nil:
		return v, nil
	case f.kind == kindSlice && v.Type == bson.TypeArray:
		elems, err := arrayElements(v)
		if err != nil {
			return v, err
		}
		for i := range elems {
			if elems[i], err = castTo(model, path, f.elem.withRules(f), elems[i]); err != nil {
				return v, err
			}
		}
		return arrayOf(elems), nil
	case f.kind == kindSlice:
		return castTo(model, path, f.elem.withRules(f), v)
	case f.holdsDocuments() && v.Type == bson.TypeEmbeddedDocument:
		return castDocument(model, path, f.tableOf(v.Value), v)
	}
	out, err := castScalar(f, v)
	if err != nil {
		return v, castError(model, path, f, v, err)
	}
	return out, nil
}

func castError(model, path string, f *field, v bson.RawValue, reason error) error {
	if errors.Is(reason, errNotCast) {
		reason = nil
	}
	var value any
	if err := v.Unmarshal(&value); err != nil {
		value = v.String()
	}
	return &CastError{Model: model, Path: path, Kind: f.kind.String(), Value: value, Reason: reason}
}

// withRules gives the elements of an array of strings the setters of the array.
func (f *field) withRules(array *field) *field {
	if len(array.rules.setters) == 0 || f.kind != kindString {
		return f
	}
	e := *f
	e.rules.setters = array.rules.setters
	return &e
}

func arrayOf(elems []bson.RawValue) bson.RawValue {
	list := appendList(nil, "", elems)
	return bson.RawValue{Type: bson.TypeArray, Value: list[2:]}
}

func castDocument(model, path string, set *pathSet, v bson.RawValue) (bson.RawValue, error) {
	var dst []byte
	err := elements(v.Value, func(key []byte, e bson.RawValue) error {
		name := string(key)
		out, err := castTo(model, path+"."+name, set.get(name), e)
		dst = appendRawElement(dst, name, out)
		return err
	})
	return bson.RawValue{Type: bson.TypeEmbeddedDocument, Value: document(dst)}, err
}
