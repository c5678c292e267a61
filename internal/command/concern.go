package command

import (
	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/session"
	"github.com/tandemdb/tandem/internal/storage"
)

// ReadConcern is a parsed readConcern.
type ReadConcern struct {
	Level Levels // exactly one; Local by default
	Given bool   // the client named a level
	After storage.Timestamp
	At    storage.Timestamp
}

var levelNames = []struct {
	level Levels
	name  string
}{{Local, "local"}, {Available, "available"}, {Majority, "majority"}, {Linearizable, "linearizable"}, {Snapshot, "snapshot"}}

// String returns MongoDB's name of the level.
func (l Levels) String() string {
	for _, n := range levelNames {
		if n.level == l {
			return n.name
		}
	}
	return ""
}

// parseReadConcern reads the document, which may be missing.
func parseReadConcern(v bsonx.Value) (ReadConcern, error) {
	rc := ReadConcern{Level: Local}
	for it := v.Doc().Iter(); ; {
		key, f, ok := it.Next()
		if !ok {
			break
		}
		switch key {
		case "level":
			if f.Type != bsonx.TypeString {
				return rc, wrongType("readConcern.level", f.Type, String)
			}
			rc.Level, rc.Given = 0, true
			for _, n := range levelNames {
				if n.name == f.Str() {
					rc.Level = n.level
				}
			}
			if rc.Level == 0 {
				return rc, mongoerr.New(mongoerr.FailedToParse,
					"Enumeration value '%s' for field 'readConcern.level' is not a valid value: it must be one of local, majority, linearizable, available or snapshot", f.Str())
			}
		case "afterClusterTime", "atClusterTime":
			if f.Type != bsonx.TypeTimestamp {
				return rc, wrongType("readConcern."+key, f.Type, Timestamp)
			}
			if key == "atClusterTime" {
				rc.At = storage.Timestamp(f.Timestamp())
			} else {
				rc.After = storage.Timestamp(f.Timestamp())
			}
			if f.Timestamp() == 0 {
				return rc, mongoerr.New(mongoerr.InvalidOptions, "readConcern.%s must not be a null timestamp", key)
			}
		case "provenance", "afterOpTime", "allowTransactionTableSnapshot", "waitLastStableRecoveryTimestamp":
		default:
			return rc, unknownField("readConcern", key)
		}
	}
	return rc, rc.check()
}

func (rc *ReadConcern) check() error {
	switch {
	case rc.At != 0 && rc.After != 0:
		return mongoerr.New(mongoerr.InvalidOptions, "afterClusterTime cannot be specified with atClusterTime")
	case rc.At != 0 && rc.Level != Snapshot:
		return mongoerr.New(mongoerr.InvalidOptions, "atClusterTime field can be set only if level is equal to snapshot")
	case rc.After != 0 && (rc.Level == Linearizable || rc.Level == Available):
		return mongoerr.New(mongoerr.InvalidOptions, "afterClusterTime field can be set only if level is equal to majority, local, or snapshot")
	}
	return nil
}

// checkLevel reports why the command cannot run at the level.
func (rc *ReadConcern) checkLevel(spec *Spec, kind session.Kind, given bool) error {
	switch kind {
	case session.KindContinue, session.KindCommit, session.KindAbort:
		if given {
			return mongoerr.New(mongoerr.InvalidOptions, "Only the first command in a transaction may specify a readConcern")
		}
		return nil
	case session.KindStart:
		if rc.Level&(Local|Majority|Snapshot) == 0 {
			return mongoerr.New(mongoerr.InvalidOptions,
				"The readConcern level must be either 'local' (default), 'majority' or 'snapshot' in order to run in a transaction")
		}
		return nil
	}
	if rc.Level&(Local|Available|spec.Levels) != 0 {
		return nil
	}
	return mongoerr.New(mongoerr.InvalidOptions,
		"Command %s does not support { readConcern: { level: \"%s\", provenance: \"clientSupplied\" } } :: caused by :: read concern %s is not supported",
		spec.Name, rc.Level, rc.Level)
}

// WriteConcern is a parsed writeConcern.
type WriteConcern struct {
	Given   bool
	W       int64
	Mode    string // of a w that is a word; "" for a number
	Journal bool
	Timeout int64 // ms
}

const maxMembers = 50

// parseWriteConcern reads the document, which may be missing: then it is the default,
// majority.
func parseWriteConcern(v bsonx.Value) (WriteConcern, error) {
	wc := WriteConcern{Mode: "majority"}
	hasW, hasJ := false, false
	for it := v.Doc().Iter(); ; {
		key, f, ok := it.Next()
		if !ok {
			break
		}
		wc.Given = true
		switch key {
		case "w":
			hasW = true
			if err := wc.setW(f); err != nil {
				return wc, err
			}
		case "j", "fsync", "journal":
			if typeBit(f.Type)&BoolLike == 0 {
				return wc, wrongType("writeConcern."+key, f.Type, BoolLike)
			}
			wc.Journal, hasJ = wc.Journal || f.Truthy(), true
		case "wtimeout":
			// MongoDB takes anything here, for the sake of old clients.
			wc.Timeout, _ = integer(f)
		case "wElectionId", "wOpTime", "getLastError", "provenance":
		default:
			return wc, unknownField("writeConcern", key)
		}
	}
	if wc.Given && !hasW && hasJ {
		wc.W, wc.Mode = 1, ""
	}
	return wc, nil
}

func (wc *WriteConcern) setW(f bsonx.Value) error {
	switch {
	case f.IsNumber():
		n, ok := integer(f)
		if !ok || n < 0 || n > maxMembers {
			return mongoerr.New(mongoerr.FailedToParse, "w has to be a non-negative number and not greater than %d; found: %s", maxMembers, bsonx.Format(f))
		}
		wc.W, wc.Mode = n, ""
	case f.Type == bsonx.TypeString:
		wc.Mode = f.Str()
	case f.Type == bsonx.TypeDocument:
		tag, n, ok := f.Doc().First()
		if !ok || !n.IsNumber() {
			return mongoerr.New(mongoerr.FailedToParse, "tagged write concern requires at least one tag, with a number for each")
		}
		wc.Mode = tag
	default:
		return mongoerr.New(mongoerr.FailedToParse, "w has to be a number, string, or object; found: %s", f.Type)
	}
	return nil
}

// Acknowledged reports whether the client waits for the outcome.
func (wc *WriteConcern) Acknowledged() bool { return wc.Mode != "" || wc.W != 0 }

// Durability returns what a commit has to wait for.
func (wc *WriteConcern) Durability() storage.Durability {
	if wc.Mode == "" && wc.W <= 1 && !wc.Journal {
		return storage.Buffered
	}
	return storage.Synced
}

// failure returns why the concern can never be satisfied by a set of one member, nil if it
// can.
func (wc *WriteConcern) failure() *mongoerr.Error {
	switch {
	case wc.Mode == "" && wc.W > 1:
		return mongoerr.New(mongoerr.UnsatisfiableWriteConcern, "Not enough data-bearing nodes").WithInfo(wc.info())
	case wc.Mode != "" && wc.Mode != "majority":
		return mongoerr.New(mongoerr.UnknownReplWriteConcern,
			"No write concern mode named '%s' found in replica set configuration", wc.Mode).WithInfo(wc.info())
	}
	return nil
}

func (wc *WriteConcern) info() bsonx.Doc {
	b := bsonx.NewBuilder(nil).StartDoc("writeConcern")
	if wc.Mode == "" {
		b.Int32("w", int32(wc.W))
	} else {
		b.String("w", wc.Mode)
	}
	if wc.Journal {
		b.Bool("j", true)
	}
	return b.Int32("wtimeout", int32(wc.Timeout)).String("provenance", "clientSupplied").Build()
}

// checkWriteConcern reports why a command cannot take the writeConcern that it was given.
func checkWriteConcern(spec *Spec, kind session.Kind, wc *WriteConcern) error {
	if !wc.Given {
		return nil
	}
	switch {
	case kind == session.KindStart, kind == session.KindContinue:
		return mongoerr.New(mongoerr.InvalidOptions, "writeConcern is not allowed within a multi-statement transaction")
	case !spec.Has(TakesConcern):
		return mongoerr.New(mongoerr.InvalidOptions, "Command %s does not support writeConcern", spec.Name)
	case kind.InTransaction() && !wc.Acknowledged():
		return mongoerr.New(mongoerr.InvalidOptions, "%s does not support an unacknowledged writeConcern", spec.Name)
	}
	return nil
}
