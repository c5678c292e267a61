package update

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
)

// currentDate is $currentDate: the field gets the command's time.
type currentDate struct{ timestamp bool }

func buildCurrentDate(_ string, arg bsonx.Value, _ *Options) (modifier, error) {
	switch arg.Type {
	case bsonx.TypeBool:
		return currentDate{}, nil
	case bsonx.TypeDocument:
	default:
		return nil, mongoerr.New(mongoerr.BadValue, "%s is not valid type for $currentDate. "+
			"Please use a boolean ('true') or a $type expression ({$type: 'timestamp/date'}).", arg.Type)
	}
	var out modifier
	for it := arg.Doc().Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		if key != "$type" {
			return nil, mongoerr.New(mongoerr.BadValue, "Unrecognized $currentDate option: %s", key)
		}
		if v.Type == bsonx.TypeString && (v.Str() == "date" || v.Str() == "timestamp") {
			out = currentDate{timestamp: v.Str() == "timestamp"}
		}
	}
	if out == nil {
		return nil, mongoerr.New(mongoerr.BadValue, "The '$type' string field is required to be 'date' or 'timestamp': "+
			"{$currentDate: {field : {$type: 'date'}}}")
	}
	return out, nil
}

func (m currentDate) apply(r *run, _ *node, _ bsonx.Value) (bsonx.Value, error) {
	env := r.update.scope.Env()
	if m.timestamp {
		return bsonx.Timestamp(env.ClusterTime), nil
	}
	return bsonx.DateTime(env.Now), nil
}

func (currentDate) missing(*run) missingPath { return createPath }
