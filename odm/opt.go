package odm

import (
	"encoding/json"
	"reflect"

	"go.mongodb.org/mongo-driver/v2/bson"
)

// Opt is a value that can be missing, for numbers and booleans that have defaults or are
// required. It is stored as its value, or as null; with omitempty not at all.
type Opt[V any] struct {
	v   V
	set bool
}

// optional is an Opt, whatever its type.
type optional interface {
	IsZero() bool
	value() reflect.Value
	valueType() reflect.Type
}

type optionalRef interface{ valueRef() reflect.Value }

// Some returns an Opt that holds v.
func Some[V any](v V) Opt[V] { return Opt[V]{v: v, set: true} }

// Get returns the value, and whether there is one.
func (o Opt[V]) Get() (V, bool) { return o.v, o.set }

// Or returns the value, or v if there is none.
func (o Opt[V]) Or(v V) V {
	if o.set {
		return o.v
	}
	return v
}

// Set gives it a value.
func (o *Opt[V]) Set(v V) { o.v, o.set = v, true }

// Clear takes its value away.
func (o *Opt[V]) Clear() { *o = Opt[V]{} }

// IsZero tells whether there is no value.
func (o Opt[V]) IsZero() bool { return !o.set }

func (o Opt[V]) value() reflect.Value { return reflect.ValueOf(&o.v).Elem() }

func (o Opt[V]) valueType() reflect.Type { return reflect.TypeFor[V]() }

func (o *Opt[V]) valueRef() reflect.Value { return reflect.ValueOf(&o.v).Elem() }

func (o *Opt[V]) setDefault(v any) { o.v, o.set = v.(V), true }

// MarshalBSONValue writes the value, or null.
func (o Opt[V]) MarshalBSONValue() (byte, []byte, error) {
	if !o.set {
		return byte(bson.TypeNull), nil, nil
	}
	t, data, err := bson.MarshalValue(o.v)
	return byte(t), data, err
}

// UnmarshalBSONValue reads what MarshalBSONValue wrote.
func (o *Opt[V]) UnmarshalBSONValue(t byte, data []byte) error {
	*o = Opt[V]{}
	if bson.Type(t) == bson.TypeNull {
		return nil
	}
	o.set = true
	return bson.UnmarshalValue(bson.Type(t), data, &o.v)
}

// MarshalJSON writes the value, or null.
func (o Opt[V]) MarshalJSON() ([]byte, error) {
	if !o.set {
		return []byte("null"), nil
	}
	return json.Marshal(o.v)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (o *Opt[V]) UnmarshalJSON(data []byte) error {
	*o = Opt[V]{}
	if string(data) == "null" {
		return nil
	}
	o.set = true
	return json.Unmarshal(data, &o.v)
}
