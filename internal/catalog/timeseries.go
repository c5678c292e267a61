package catalog

import (
	"strings"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// TimeSeries says how the documents of a time-series collection, its measurements, are made up.
// They are stored in the order of their times, each by itself: granularity and spans, which say
// how MongoDB puts measurements together in buckets, are kept for those who ask.
type TimeSeries struct {
	TimeField   string
	MetaField   string // empty for none
	Granularity string // "seconds", "minutes", "hours"; empty where the spans are custom

	MaxSpan  int64 // bucketMaxSpanSeconds
	Rounding int64 // bucketRoundingSeconds, 0 unless custom
}

// granularities are the spans, in seconds, of the granularities, from fine to coarse.
var granularities = []struct {
	name string
	span int64
}{
	{"seconds", 60 * 60},
	{"minutes", 24 * 60 * 60},
	{"hours", 30 * 24 * 60 * 60},
}

const maxBucketSpan = 365 * 24 * 60 * 60

// spanOf returns the span of a granularity, 0 for an unknown one.
func spanOf(granularity string) int64 {
	for _, g := range granularities {
		if g.name == granularity {
			return g.span
		}
	}
	return 0
}

// ParseTimeSeries reads the timeseries option of create and completes it.
func ParseTimeSeries(d bsonx.Doc) (*TimeSeries, error) {
	ts := &TimeSeries{}
	if err := ts.read("create.timeseries", d); err != nil {
		return nil, err
	}
	switch {
	case d.Lookup("timeField").IsMissing():
		return nil, mongoerr.New(40414, "BSON field 'create.timeseries.timeField' is missing but a required field")
	case strings.Contains(ts.TimeField, ".") || ts.TimeField == "":
		return nil, mongoerr.New(mongoerr.InvalidOptions, "'timeField' must be a top-level field, found: %s", ts.TimeField)
	case strings.Contains(ts.MetaField, "."):
		return nil, mongoerr.New(mongoerr.InvalidOptions, "'metaField' must be a top-level field, found: %s", ts.MetaField)
	case ts.MetaField == ts.TimeField:
		return nil, mongoerr.New(mongoerr.InvalidOptions, "'metaField' cannot be the same as 'timeField'")
	case ts.MetaField == "_id":
		return nil, mongoerr.New(mongoerr.InvalidOptions, "'metaField' cannot be '_id'")
	}
	return ts, ts.complete()
}

// Modified returns what the timeseries option of collMod makes of ts: buckets can only become
// coarser.
func (ts *TimeSeries) Modified(d bsonx.Doc) (*TimeSeries, error) {
	if d.IsEmpty() {
		return ts, nil
	}
	n := &TimeSeries{TimeField: ts.TimeField, MetaField: ts.MetaField}
	if err := n.read("collMod.timeseries", d); err != nil {
		return nil, err
	}
	for _, name := range [...]string{"timeField", "metaField"} {
		if !d.Lookup(name).IsMissing() {
			return nil, unknownIn("collMod.timeseries", name)
		}
	}
	if err := n.complete(); err != nil {
		return nil, err
	}
	if n.MaxSpan < ts.MaxSpan || n.Rounding != 0 && n.Rounding < ts.Rounding {
		return nil, mongoerr.New(mongoerr.InvalidOptions, "Invalid transition for timeseries.granularity. Can only transition from 'seconds' to 'minutes' or 'minutes' to 'hours', and to longer spans.")
	}
	return n, nil
}

func (ts *TimeSeries) read(at string, d bsonx.Doc) error {
	for it := d.Iter(); ; {
		name, v, ok := it.Next()
		if !ok {
			return nil
		}
		var err error
		switch name {
		case "timeField":
			err = fieldName(at, name, v, &ts.TimeField)
		case "metaField":
			err = fieldName(at, name, v, &ts.MetaField)
		case "granularity":
			ts.Granularity = v.Str()
			err = oneOf("timeseries."+name, v, v.Type == bsonx.TypeString, "seconds", "minutes", "hours")
		case "bucketMaxSpanSeconds":
			err = span(at, name, v, &ts.MaxSpan)
		case "bucketRoundingSeconds":
			err = span(at, name, v, &ts.Rounding)
		default:
			err = unknownIn(at, name)
		}
		if err != nil {
			return err
		}
	}
}

// complete checks granularity and spans and sets those that were not given.
func (ts *TimeSeries) complete() error {
	custom := ts.Granularity == "" && (ts.MaxSpan != 0 || ts.Rounding != 0)
	switch {
	case custom && ts.MaxSpan != ts.Rounding:
		return mongoerr.New(mongoerr.InvalidOptions, "Timeseries 'bucketMaxSpanSeconds' and 'bucketRoundingSeconds' need to be set to the same value and both given")
	case custom:
		return nil
	case ts.Rounding != 0:
		return mongoerr.New(mongoerr.InvalidOptions, "Timeseries 'bucketRoundingSeconds' cannot be given with 'granularity'")
	case ts.Granularity == "":
		ts.Granularity = "seconds"
	}
	want := spanOf(ts.Granularity)
	if ts.MaxSpan != 0 && ts.MaxSpan != want {
		return mongoerr.New(mongoerr.InvalidOptions, "Timeseries 'bucketMaxSpanSeconds' must be %d where 'granularity' is '%s', found: %d", want, ts.Granularity, ts.MaxSpan)
	}
	ts.MaxSpan = want
	return nil
}

// Spec returns the option as listCollections shows it.
func (ts *TimeSeries) Spec() bsonx.Doc {
	b := bsonx.NewBuilder(nil).String("timeField", ts.TimeField)
	if ts.MetaField != "" {
		b.String("metaField", ts.MetaField)
	}
	if ts.Granularity != "" {
		b.String("granularity", ts.Granularity)
	}
	if ts.Rounding != 0 {
		b.Int32("bucketRoundingSeconds", int32(ts.Rounding))
	}
	return b.Int32("bucketMaxSpanSeconds", int32(ts.MaxSpan)).Build()
}

// Check reports why a document can not be a measurement.
func (ts *TimeSeries) Check(doc bsonx.Doc) error {
	if doc.Lookup(ts.TimeField).Type == bsonx.TypeDateTime {
		return nil
	}
	return mongoerr.New(mongoerr.BadValue, "'%s' must be present and contain a valid BSON UTC datetime value", ts.TimeField)
}

// IndexSpec is the specification of the index that a time-series collection with a metaField
// comes with.
func (ts *TimeSeries) IndexSpec() bsonx.Doc {
	return bsonx.NewBuilder(nil).Int32("v", 2).
		Doc("key", bsonx.NewBuilder(nil).Int32(ts.MetaField, 1).Int32(ts.TimeField, 1).Build()).
		String("name", ts.MetaField+"_1_"+ts.TimeField+"_1").Build()
}

// CheckIndex refuses indexes that a time-series collection can not have.
func (ts *TimeSeries) CheckIndex(x *Index) error {
	switch {
	case x.Unique || x.PrepareUnique:
		return mongoerr.New(mongoerr.InvalidOptions, "Unique indexes are not supported on time-series collections")
	case x.IsID():
		return mongoerr.New(mongoerr.CannotCreateIndex, "cannot create an _id index on a time-series collection")
	case x.ExpireAfter >= 0:
		return mongoerr.New(mongoerr.InvalidOptions, "TTL indexes are not supported on time-series collections; use the option expireAfterSeconds of the collection")
	}
	return nil
}

// fieldName reads the name of a field.
func fieldName(at, name string, v bsonx.Value, dst *string) error {
	switch {
	case v.Type != bsonx.TypeString:
		return mongoerr.New(mongoerr.TypeMismatch, "BSON field '%s.%s' is the wrong type '%s', expected type 'string'", at, name, v.Type)
	case strings.Contains(v.Str(), "\x00"):
		return mongoerr.New(mongoerr.BadValue, "'%s' cannot contain null bytes", name)
	}
	*dst = strings.Clone(v.Str())
	return nil
}

// span reads a number of seconds.
func span(at, name string, v bsonx.Value, dst *int64) error {
	n, ok := number(v)
	switch {
	case !ok:
		return mongoerr.New(mongoerr.TypeMismatch, "BSON field '%s.%s' is the wrong type '%s', expected types '[long, int, decimal, double]'", at, name, v.Type)
	case n < 1:
		return mongoerr.New(51024, "BSON field '%s.%s' value must be >= 1, actual value '%d'", at, name, n)
	case n > maxBucketSpan:
		return mongoerr.New(51024, "BSON field '%s.%s' value must be <= %d, actual value '%d'", at, name, maxBucketSpan, n)
	}
	*dst = n
	return nil
}

func unknownIn(at, name string) error {
	return mongoerr.New(40415, "BSON field '%s.%s' is an unknown field.", at, name)
}
