package command

import (
	"math"

	"github.com/tandemdb/tandem/internal/bsonx"
	"github.com/tandemdb/tandem/internal/mongoerr"
	"github.com/tandemdb/tandem/internal/session"
)

// generic are the fields that every command accepts. Fields that were not given have the
// missing type.
type generic struct {
	db               string
	session          session.ID
	hasSession       bool
	txnNumber        int64
	hasTxnNumber     bool
	autocommit       bsonx.Value
	startTransaction bsonx.Value
	readConcern      bsonx.Value
	writeConcern     bsonx.Value
	clusterTime      bsonx.Value
	comment          bsonx.Value
	stmtID           bsonx.Value
	maxTimeMS        int64
	api              session.API
	apiStrict        bsonx.Value
	apiDeprecation   bsonx.Value
	apiVersion       bsonx.Value
}

// ignored are generic fields that mean nothing to a single server.
var ignored = map[string]bool{
	"$readPreference": true, "clientOperationKey": true, "$audit": true, "$client": true,
	"$configServerState": true, "$oplogQueryData": true, "$queryOptions": true, "$replData": true,
	"databaseVersion": true, "shardVersion": true, "tracking_info": true, "maxTimeMSOpOnly": true,
	"$configTime": true, "$topologyTime": true, "mayBypassWriteBlocking": true, "$tenant": true,
	"expectPrefix": true, "rawData": true, "recoveryToken": true, "serialization_context": true,
	"allowImplicitCollectionCreation": true, "$gleStats": true, "help": true,
	"requestGossipRoutingCache": true, "querySettings": true, "traceCtx": true, "usesDefaultMaxTimeMS": true,
}

// set takes one field and reports whether it is generic.
func (g *generic) set(key string, v bsonx.Value, conn *Conn) (bool, error) {
	switch key {
	case "$db":
		if v.Type != bsonx.TypeString {
			return true, wrongType("$db", v.Type, String)
		}
		g.db = v.Str()
	case "lsid":
		return true, g.setSession(v, conn)
	case "txnNumber":
		if v.Type != bsonx.TypeInt64 {
			return true, wrongType("txnNumber", v.Type, Long)
		}
		g.txnNumber, g.hasTxnNumber = v.Int64(), true
	case "autocommit":
		return true, setBool(key, v, &g.autocommit)
	case "startTransaction":
		return true, setBool(key, v, &g.startTransaction)
	case "readConcern":
		return true, setTyped(key, v, Object, &g.readConcern)
	case "writeConcern":
		return true, setTyped(key, v, Object, &g.writeConcern)
	case "$clusterTime":
		g.clusterTime = v
	case "comment":
		g.comment = v
	case "stmtId":
		return true, setTyped(key, v, Int, &g.stmtID)
	case "maxTimeMS":
		return true, g.setMaxTime(v)
	case "apiVersion":
		return true, setTyped(key, v, String, &g.apiVersion)
	case "apiStrict":
		return true, setBool(key, v, &g.apiStrict)
	case "apiDeprecationErrors":
		return true, setBool(key, v, &g.apiDeprecation)
	case "txnRetryCounter":
		return true, mongoerr.New(mongoerr.InvalidOptions,
			"txnRetryCounter is only supported in sharded clusters")
	case "coordinator", "participants", "commitTimestamp", "startOrContinueTransaction":
		return false, nil
	default:
		return ignored[key], nil
	}
	return true, nil
}

func setTyped(key string, v bsonx.Value, want ArgType, dst *bsonx.Value) error {
	if v.IsNullish() {
		return nil
	}
	if typeBit(v.Type)&want == 0 {
		return wrongType(key, v.Type, want)
	}
	*dst = v
	return nil
}

func setBool(key string, v bsonx.Value, dst *bsonx.Value) error {
	return setTyped(key, v, Boolean, dst)
}

func (g *generic) setMaxTime(v bsonx.Value) error {
	if !v.IsNumber() {
		return wrongType("maxTimeMS", v.Type, Number)
	}
	n, ok := integer(v)
	if !ok {
		return mongoerr.New(mongoerr.BadValue, "maxTimeMS has non-integral value")
	}
	if n < 0 || n > math.MaxInt32 {
		return mongoerr.New(mongoerr.BadValue, "%d value for maxTimeMS is out of range [0, %d]", n, math.MaxInt32)
	}
	g.maxTimeMS = n
	return nil
}

// setSession reads an lsid.
func (g *generic) setSession(v bsonx.Value, conn *Conn) error {
	if v.Type != bsonx.TypeDocument {
		return wrongType("lsid", v.Type, Object)
	}
	id, err := parseSessionID("lsid", v.Doc(), conn)
	if err != nil {
		return err
	}
	g.session, g.hasSession = id, true
	return nil
}

// parseSessionID reads {id: UUID}, which may repeat the connection's own uid.
func parseSessionID(field string, d bsonx.Doc, conn *Conn) (session.ID, error) {
	id := session.ID{User: conn.userDigest()}
	found := false
	for it := d.Iter(); ; {
		key, v, ok := it.Next()
		if !ok {
			break
		}
		switch key {
		case "id":
			sub, b := v.Binary()
			switch {
			case v.Type != bsonx.TypeBinary:
				return id, wrongType(field+".id", v.Type, BinData)
			case sub != 4:
				return id, mongoerr.New(mongoerr.TypeMismatch,
					"BSON field '%s.id' is the wrong binData type '%d', expected type 'UUID'", field, sub)
			case len(b) != len(id.UUID):
				return id, mongoerr.New(mongoerr.InvalidUUID, "uuid must be a 16-byte binary field with UUID (4) subtype")
			}
			copy(id.UUID[:], b)
			found = true
		case "uid":
			_, b := v.Binary()
			if string(b) != string(id.User[:]) {
				return id, mongoerr.New(mongoerr.Unauthorized, "Unauthorized to set user digest in LogicalSessionId")
			}
		case "txnNumber", "txnUUID":
			return id, mongoerr.New(mongoerr.InvalidOptions, "Internal sessions are only supported in sharded clusters: '%s.%s'", field, key)
		default:
			return id, unknownField(field, key)
		}
	}
	if !found {
		return id, missingField(field, "id")
	}
	return id, nil
}

// kind decides what a command is to its session, in the order of the checks that come before
// everything else.
func (g *generic) kind(spec *Spec) (session.Kind, error) {
	auto, start := g.autocommit.Type != bsonx.Missing, g.startTransaction.Type != bsonx.Missing
	switch {
	case spec.Has(NoAuth) && auto && (!spec.Has(TxnInforms) || start):
		return 0, mongoerr.New(mongoerr.OperationNotSupportedInTransaction, "This command is not supported in transactions")
	case spec.Has(NoAuth) && !auto && g.hasTxnNumber:
		return 0, mongoerr.New(50889, "It is illegal to provide a txnNumber for this command")
	case g.hasTxnNumber && !g.hasSession:
		return 0, mongoerr.New(mongoerr.InvalidOptions, "Transaction number requires a session ID to also be specified")
	case g.hasTxnNumber && g.txnNumber < 0:
		return 0, mongoerr.New(mongoerr.InvalidOptions, "Transaction number cannot be negative")
	case auto && !g.hasTxnNumber:
		return 0, mongoerr.New(mongoerr.InvalidOptions, "'autocommit' field requires a transaction number to also be specified")
	case auto && g.autocommit.Bool():
		return 0, mongoerr.New(mongoerr.InvalidOptions, "Specifying autocommit=true is not allowed.")
	case start && !auto:
		return 0, mongoerr.New(mongoerr.InvalidOptions, "'startTransaction' field requires 'autocommit' field to also be specified")
	case start && !g.startTransaction.Bool():
		return 0, mongoerr.New(mongoerr.InvalidOptions, "Specifying startTransaction=false is not allowed.")
	case !g.hasTxnNumber:
		return session.KindNone, nil
	case !auto:
		return session.KindRetryable, nil
	case spec.Name == "commitTransaction":
		return session.KindCommit, nil
	case spec.Name == "abortTransaction":
		return session.KindAbort, nil
	case start:
		return session.KindStart, nil
	}
	return session.KindContinue, nil
}

// wrongType is the error of a field of another type than expected.
func wrongType(field string, got bsonx.Type, want ArgType) error {
	return mongoerr.New(mongoerr.TypeMismatch, "BSON field '%s' is the wrong type '%s', %s", field, got, want.expected())
}

func unknownField(parent, field string) error {
	return mongoerr.New(mongoerr.IDLUnknownField, "BSON field '%s.%s' is an unknown field.", parent, field)
}

func missingField(parent, field string) error {
	return mongoerr.New(mongoerr.IDLFailedToParse, "BSON field '%s.%s' is missing but a required field", parent, field)
}

// integer reads a whole number of any numeric type.
func integer(v bsonx.Value) (int64, bool) {
	switch v.Type {
	case bsonx.TypeInt32, bsonx.TypeInt64:
		return v.Int64(), true
	case bsonx.TypeDouble:
		d := v.Double()
		if d != math.Trunc(d) || math.Abs(d) >= 1<<63 {
			return 0, false
		}
		return int64(d), true
	case bsonx.TypeDecimal128:
		n, exp, err := v.Decimal128().BigInt()
		if err != nil || exp != 0 || !n.IsInt64() {
			return 0, false
		}
		return n.Int64(), true
	}
	return 0, false
}
