package mongoerr

import "strconv"

// Code is a MongoDB error code. Codes without a name of their own, most of them above
// 9999, print as "Location<code>".
type Code int32

// Name returns MongoDB's codeName.
func (c Code) Name() string {
	if n, ok := names[c]; ok {
		return n
	}
	return "Location" + strconv.Itoa(int(c))
}

// The named codes that the server uses.
const (
	InternalError                       Code = 1
	BadValue                            Code = 2
	NoSuchKey                           Code = 4
	GraphContainsCycle                  Code = 5
	HostUnreachable                     Code = 6
	HostNotFound                        Code = 7
	UnknownError                        Code = 8
	FailedToParse                       Code = 9
	CannotMutateObject                  Code = 10
	UserNotFound                        Code = 11
	UnsupportedFormat                   Code = 12
	Unauthorized                        Code = 13
	TypeMismatch                        Code = 14
	Overflow                            Code = 15
	InvalidLength                       Code = 16
	ProtocolError                       Code = 17
	AuthenticationFailed                Code = 18
	CannotReuseObject                   Code = 19
	IllegalOperation                    Code = 20
	EmptyArrayOperation                 Code = 21
	InvalidBSON                         Code = 22
	AlreadyInitialized                  Code = 23
	LockTimeout                         Code = 24
	RemoteValidationError               Code = 25
	NamespaceNotFound                   Code = 26
	IndexNotFound                       Code = 27
	PathNotViable                       Code = 28
	NonExistentPath                     Code = 29
	InvalidPath                         Code = 30
	RoleNotFound                        Code = 31
	RolesNotRelated                     Code = 32
	PrivilegeNotFound                   Code = 33
	CannotBackfillArray                 Code = 34
	UserModificationFailed              Code = 35
	RemoteChangeDetected                Code = 36
	FileRenameFailed                    Code = 37
	FileNotOpen                         Code = 38
	FileStreamFailed                    Code = 39
	ConflictingUpdateOperators          Code = 40
	FileAlreadyOpen                     Code = 41
	LogWriteFailed                      Code = 42
	CursorNotFound                      Code = 43
	UserDataInconsistent                Code = 45
	LockBusy                            Code = 46
	NoMatchingDocument                  Code = 47
	NamespaceExists                     Code = 48
	InvalidRoleModification             Code = 49
	MaxTimeMSExpired                    Code = 50
	ManualInterventionRequired          Code = 51
	DollarPrefixedFieldName             Code = 52
	InvalidIDField                      Code = 53
	NotSingleValueField                 Code = 54
	InvalidDBRef                        Code = 55
	EmptyFieldName                      Code = 56
	DottedFieldName                     Code = 57
	RoleModificationFailed              Code = 58
	CommandNotFound                     Code = 59
	DatabaseNotFound                    Code = 60
	ShardKeyNotFound                    Code = 61
	OplogOperationUnsupported           Code = 62
	StaleShardVersion                   Code = 63
	WriteConcernTimeout                 Code = 64
	MultipleErrorsOccurred              Code = 65
	ImmutableField                      Code = 66
	CannotCreateIndex                   Code = 67
	CannotConvertIndexToUnique          Code = 359
	IndexAlreadyExists                  Code = 68
	AuthSchemaIncompatible              Code = 69
	ShardNotFound                       Code = 70
	ReplicaSetNotFound                  Code = 71
	InvalidOptions                      Code = 72
	InvalidNamespace                    Code = 73
	NodeNotFound                        Code = 74
	NoReplicationEnabled                Code = 76
	OperationIncomplete                 Code = 77
	CommandResultSchemaViolation        Code = 78
	UnknownReplWriteConcern             Code = 79
	RoleDataInconsistent                Code = 80
	NoMatchParseContext                 Code = 81
	NoProgressMade                      Code = 82
	RemoteResultsUnavailable            Code = 83
	IndexOptionsConflict                Code = 85
	IndexKeySpecsConflict               Code = 86
	NetworkTimeout                      Code = 89
	CallbackCanceled                    Code = 90
	ShutdownInProgress                  Code = 91
	OperationFailed                     Code = 96
	UnsatisfiableWriteConcern           Code = 100
	DBPathInUse                         Code = 98
	CommandNotSupportedOnView           Code = 166
	OptionNotSupportedOnView            Code = 167
	InvalidPipelineOperator             Code = 168
	CommandOnShardedViewNotSupported    Code = 169
	TooManyMatchingDocuments            Code = 170
	CannotIndexParallelArrays           Code = 171
	ExceededMemoryLimit                 Code = 146
	NamespaceNotSharded                 Code = 118
	DocumentValidationFailure           Code = 121
	NotAReplicaSet                      Code = 123
	CommandFailed                       Code = 125
	CappedPositionLost                  Code = 136
	IncompatibleCollationVersion        Code = 161
	ViewDepthLimitExceeded              Code = 165
	InvalidIndexSpecificationOption     Code = 197
	InvalidUUID                         Code = 207
	TransactionTooOld                   Code = 225
	AtomicityFailure                    Code = 226
	CannotImplicitlyCreateCollection    Code = 227
	SessionTransferIncomplete           Code = 228
	MustDowngrade                       Code = 229
	DNSHostNotFound                     Code = 230
	MaxSubPipelineDepthExceeded         Code = 232
	TooManyDocumentSequences            Code = 233
	RetryChangeStream                   Code = 234
	CursorKilled                        Code = 237
	NotImplemented                      Code = 238
	SnapshotTooOld                      Code = 239
	DNSRecordTypeMismatch               Code = 240
	ConversionFailure                   Code = 241
	CannotCreateCollection              Code = 242
	IncompatibleWithUpgradedServer      Code = 243
	BrokenPromise                       Code = 245
	SnapshotUnavailable                 Code = 246
	ProducerConsumerQueueBatchTooLarge  Code = 247
	ProducerConsumerQueueEndClosed      Code = 248
	StaleDbVersion                      Code = 249
	StaleChunkHistory                   Code = 250
	NoSuchTransaction                   Code = 251
	ReentrancyNotAllowed                Code = 252
	TransactionCommitted                Code = 256
	TransactionTooLarge                 Code = 257
	UnknownFeatureCompatibilityVersion  Code = 258
	KeyedExecutorRetry                  Code = 259
	InvalidResumeToken                  Code = 260
	TooManyLogicalSessions              Code = 261
	ExceededTimeLimit                   Code = 262
	OperationNotSupportedInTransaction  Code = 263
	TooManyFilesOpen                    Code = 264
	TransactionExceededLifetimeLimit    Code = 290
	QueryExceededMemoryLimitNoDiskUse   Code = 292
	QueryFeatureNotAllowed              Code = 224
	NoQueryExecutionPlans               Code = 291
	InvalidSeedList                     Code = 231
	APIVersionError                     Code = 322
	APIStrictError                      Code = 323
	APIDeprecationError                 Code = 324
	TransactionTooLargeForCache         Code = 388
	CollectionUUIDMismatch              Code = 361
	TemporarilyUnavailable              Code = 365
	BSONObjectTooLarge                  Code = 10334
	DuplicateKey                        Code = 11000
	InterruptedAtShutdown               Code = 11600
	Interrupted                         Code = 11601
	InterruptedDueToReplStateChange     Code = 11602
	DatabaseDifferCase                  Code = 13297
	AmbiguousIndexKeyPattern            Code = 181
	OutOfDiskSpace                      Code = 14031
	WriteConflict                       Code = 112
	ReadConcernMajorityNotAvailableYet  Code = 134
	PrimarySteppedDown                  Code = 189
	NotWritablePrimary                  Code = 10107
	NotPrimaryNoSecondaryOk             Code = 13435
	NotPrimaryOrSecondary               Code = 13436
	SocketException                     Code = 9001
	ClientDisconnect                    Code = 279
	MechanismUnavailable                Code = 334
	CannotGrowDocumentInCappedNamespace Code = 10003
	IllegalOpMsgFlag                    Code = 223
	ReadThroughCacheLookupCanceled      Code = 351
	NotARetryableWriteCommand           Code = 50768
	UserAlreadyExists                   Code = 51003
	IncompleteTransactionHistory        Code = 217
	UpdateOperationFailed               Code = 218
	InvalidSSLConfiguration             Code = 140
	KeyNotFound                         Code = 211
	DurationOverflow                    Code = 159
	JSInterpreterFailure                Code = 139
	ConflictingOperationInProgress      Code = 117
	CursorInUse                         Code = 143
	QueryPlanKilled                     Code = 175
	PreparedTransactionInProgress       Code = 267
	APIMismatchError                    Code = 347
	UnsupportedOpQueryCommand           Code = 352
	FailPointSetFailed                  Code = 266
	ClusterTimeFailsRateLimiter         Code = 205
	CommandNotSupported                 Code = 115
	ClientMetadataMissingField          Code = 183
	ClientMetadataAppNameTooLarge       Code = 184
	ClientMetadataDocumentTooLarge      Code = 185
	ClientMetadataCannotBeMutated       Code = 186
	InternalTransactionNotSupported     Code = 358
	ResourceExhausted                   Code = 402
	SearchNotEnabled                    Code = 31082
	FailPointEnabled                    Code = 192
	NoSuchSession                       Code = 206
	ObjectIsBusy                        Code = 314
	IDLDuplicateField                   Code = 40413
	IDLFailedToParse                    Code = 40414
	IDLUnknownField                     Code = 40415
)

var names = map[Code]string{
	ConflictingOperationInProgress:      "ConflictingOperationInProgress",
	CursorInUse:                         "CursorInUse",
	QueryPlanKilled:                     "QueryPlanKilled",
	PreparedTransactionInProgress:       "PreparedTransactionInProgress",
	APIMismatchError:                    "APIMismatchError",
	UnsupportedOpQueryCommand:           "UnsupportedOpQueryCommand",
	FailPointSetFailed:                  "FailPointSetFailed",
	ClusterTimeFailsRateLimiter:         "ClusterTimeFailsRateLimiter",
	CommandNotSupported:                 "CommandNotSupported",
	ClientMetadataMissingField:          "ClientMetadataMissingField",
	ClientMetadataAppNameTooLarge:       "ClientMetadataAppNameTooLarge",
	ClientMetadataDocumentTooLarge:      "ClientMetadataDocumentTooLarge",
	ClientMetadataCannotBeMutated:       "ClientMetadataCannotBeMutated",
	InternalTransactionNotSupported:     "InternalTransactionNotSupported",
	ResourceExhausted:                   "ResourceExhausted",
	SearchNotEnabled:                    "SearchNotEnabled",
	FailPointEnabled:                    "FailPointEnabled",
	NoSuchSession:                       "NoSuchSession",
	DatabaseDifferCase:                  "DatabaseDifferCase",
	ObjectIsBusy:                        "ObjectIsBusy",
	IDLDuplicateField:                   "IDLDuplicateField",
	IDLFailedToParse:                    "IDLFailedToParse",
	IDLUnknownField:                     "IDLUnknownField",
	InternalError:                       "InternalError",
	BadValue:                            "BadValue",
	NoSuchKey:                           "NoSuchKey",
	GraphContainsCycle:                  "GraphContainsCycle",
	HostUnreachable:                     "HostUnreachable",
	HostNotFound:                        "HostNotFound",
	UnknownError:                        "UnknownError",
	FailedToParse:                       "FailedToParse",
	CannotMutateObject:                  "CannotMutateObject",
	UserNotFound:                        "UserNotFound",
	UnsupportedFormat:                   "UnsupportedFormat",
	Unauthorized:                        "Unauthorized",
	TypeMismatch:                        "TypeMismatch",
	Overflow:                            "Overflow",
	InvalidLength:                       "InvalidLength",
	ProtocolError:                       "ProtocolError",
	AuthenticationFailed:                "AuthenticationFailed",
	CannotReuseObject:                   "CannotReuseObject",
	IllegalOperation:                    "IllegalOperation",
	EmptyArrayOperation:                 "EmptyArrayOperation",
	InvalidBSON:                         "InvalidBSON",
	AlreadyInitialized:                  "AlreadyInitialized",
	LockTimeout:                         "LockTimeout",
	RemoteValidationError:               "RemoteValidationError",
	NamespaceNotFound:                   "NamespaceNotFound",
	IndexNotFound:                       "IndexNotFound",
	PathNotViable:                       "PathNotViable",
	NonExistentPath:                     "NonExistentPath",
	InvalidPath:                         "InvalidPath",
	RoleNotFound:                        "RoleNotFound",
	RolesNotRelated:                     "RolesNotRelated",
	PrivilegeNotFound:                   "PrivilegeNotFound",
	CannotBackfillArray:                 "CannotBackfillArray",
	UserModificationFailed:              "UserModificationFailed",
	RemoteChangeDetected:                "RemoteChangeDetected",
	FileRenameFailed:                    "FileRenameFailed",
	FileNotOpen:                         "FileNotOpen",
	FileStreamFailed:                    "FileStreamFailed",
	ConflictingUpdateOperators:          "ConflictingUpdateOperators",
	FileAlreadyOpen:                     "FileAlreadyOpen",
	LogWriteFailed:                      "LogWriteFailed",
	CursorNotFound:                      "CursorNotFound",
	UserDataInconsistent:                "UserDataInconsistent",
	LockBusy:                            "LockBusy",
	NoMatchingDocument:                  "NoMatchingDocument",
	NamespaceExists:                     "NamespaceExists",
	InvalidRoleModification:             "InvalidRoleModification",
	MaxTimeMSExpired:                    "MaxTimeMSExpired",
	ManualInterventionRequired:          "ManualInterventionRequired",
	DollarPrefixedFieldName:             "DollarPrefixedFieldName",
	InvalidIDField:                      "InvalidIDField",
	NotSingleValueField:                 "NotSingleValueField",
	InvalidDBRef:                        "InvalidDBRef",
	EmptyFieldName:                      "EmptyFieldName",
	DottedFieldName:                     "DottedFieldName",
	RoleModificationFailed:              "RoleModificationFailed",
	CommandNotFound:                     "CommandNotFound",
	DatabaseNotFound:                    "DatabaseNotFound",
	ShardKeyNotFound:                    "ShardKeyNotFound",
	OplogOperationUnsupported:           "OplogOperationUnsupported",
	StaleShardVersion:                   "StaleShardVersion",
	WriteConcernTimeout:                 "WriteConcernTimeout",
	MultipleErrorsOccurred:              "MultipleErrorsOccurred",
	ImmutableField:                      "ImmutableField",
	CannotCreateIndex:                   "CannotCreateIndex",
	CannotConvertIndexToUnique:          "CannotConvertIndexToUnique",
	IndexAlreadyExists:                  "IndexAlreadyExists",
	AuthSchemaIncompatible:              "AuthSchemaIncompatible",
	ShardNotFound:                       "ShardNotFound",
	ReplicaSetNotFound:                  "ReplicaSetNotFound",
	InvalidOptions:                      "InvalidOptions",
	InvalidNamespace:                    "InvalidNamespace",
	NodeNotFound:                        "NodeNotFound",
	NoReplicationEnabled:                "NoReplicationEnabled",
	OperationIncomplete:                 "OperationIncomplete",
	CommandResultSchemaViolation:        "CommandResultSchemaViolation",
	UnknownReplWriteConcern:             "UnknownReplWriteConcern",
	RoleDataInconsistent:                "RoleDataInconsistent",
	NoMatchParseContext:                 "NoMatchParseContext",
	NoProgressMade:                      "NoProgressMade",
	RemoteResultsUnavailable:            "RemoteResultsUnavailable",
	IndexOptionsConflict:                "IndexOptionsConflict",
	IndexKeySpecsConflict:               "IndexKeySpecsConflict",
	NetworkTimeout:                      "NetworkTimeout",
	CallbackCanceled:                    "CallbackCanceled",
	ShutdownInProgress:                  "ShutdownInProgress",
	OperationFailed:                     "OperationFailed",
	UnsatisfiableWriteConcern:           "UnsatisfiableWriteConcern",
	DBPathInUse:                         "DBPathInUse",
	CommandNotSupportedOnView:           "CommandNotSupportedOnView",
	OptionNotSupportedOnView:            "OptionNotSupportedOnView",
	InvalidPipelineOperator:             "InvalidPipelineOperator",
	CommandOnShardedViewNotSupported:    "CommandOnShardedViewNotSupported",
	TooManyMatchingDocuments:            "TooManyMatchingDocuments",
	CannotIndexParallelArrays:           "CannotIndexParallelArrays",
	ExceededMemoryLimit:                 "ExceededMemoryLimit",
	NamespaceNotSharded:                 "NamespaceNotSharded",
	DocumentValidationFailure:           "DocumentValidationFailure",
	NotAReplicaSet:                      "NotAReplicaSet",
	CommandFailed:                       "CommandFailed",
	CappedPositionLost:                  "CappedPositionLost",
	IncompatibleCollationVersion:        "IncompatibleCollationVersion",
	ViewDepthLimitExceeded:              "ViewDepthLimitExceeded",
	InvalidIndexSpecificationOption:     "InvalidIndexSpecificationOption",
	InvalidUUID:                         "InvalidUUID",
	TransactionTooOld:                   "TransactionTooOld",
	AtomicityFailure:                    "AtomicityFailure",
	CannotImplicitlyCreateCollection:    "CannotImplicitlyCreateCollection",
	SessionTransferIncomplete:           "SessionTransferIncomplete",
	MustDowngrade:                       "MustDowngrade",
	DNSHostNotFound:                     "DNSHostNotFound",
	MaxSubPipelineDepthExceeded:         "MaxSubPipelineDepthExceeded",
	TooManyDocumentSequences:            "TooManyDocumentSequences",
	RetryChangeStream:                   "RetryChangeStream",
	CursorKilled:                        "CursorKilled",
	NotImplemented:                      "NotImplemented",
	SnapshotTooOld:                      "SnapshotTooOld",
	DNSRecordTypeMismatch:               "DNSRecordTypeMismatch",
	ConversionFailure:                   "ConversionFailure",
	CannotCreateCollection:              "CannotCreateCollection",
	IncompatibleWithUpgradedServer:      "IncompatibleWithUpgradedServer",
	BrokenPromise:                       "BrokenPromise",
	SnapshotUnavailable:                 "SnapshotUnavailable",
	ProducerConsumerQueueBatchTooLarge:  "ProducerConsumerQueueBatchTooLarge",
	ProducerConsumerQueueEndClosed:      "ProducerConsumerQueueEndClosed",
	StaleDbVersion:                      "StaleDbVersion",
	StaleChunkHistory:                   "StaleChunkHistory",
	NoSuchTransaction:                   "NoSuchTransaction",
	ReentrancyNotAllowed:                "ReentrancyNotAllowed",
	TransactionCommitted:                "TransactionCommitted",
	TransactionTooLarge:                 "TransactionTooLarge",
	UnknownFeatureCompatibilityVersion:  "UnknownFeatureCompatibilityVersion",
	KeyedExecutorRetry:                  "KeyedExecutorRetry",
	InvalidResumeToken:                  "InvalidResumeToken",
	TooManyLogicalSessions:              "TooManyLogicalSessions",
	ExceededTimeLimit:                   "ExceededTimeLimit",
	OperationNotSupportedInTransaction:  "OperationNotSupportedInTransaction",
	TooManyFilesOpen:                    "TooManyFilesOpen",
	TransactionExceededLifetimeLimit:    "TransactionExceededLifetimeLimitSeconds",
	QueryExceededMemoryLimitNoDiskUse:   "QueryExceededMemoryLimitNoDiskUseAllowed",
	QueryFeatureNotAllowed:              "QueryFeatureNotAllowed",
	NoQueryExecutionPlans:               "NoQueryExecutionPlans",
	InvalidSeedList:                     "InvalidSeedList",
	APIVersionError:                     "APIVersionError",
	APIStrictError:                      "APIStrictError",
	APIDeprecationError:                 "APIDeprecationError",
	TransactionTooLargeForCache:         "TransactionTooLargeForCache",
	CollectionUUIDMismatch:              "CollectionUUIDMismatch",
	TemporarilyUnavailable:              "TemporarilyUnavailable",
	BSONObjectTooLarge:                  "BSONObjectTooLarge",
	DuplicateKey:                        "DuplicateKey",
	InterruptedAtShutdown:               "InterruptedAtShutdown",
	Interrupted:                         "Interrupted",
	InterruptedDueToReplStateChange:     "InterruptedDueToReplStateChange",
	AmbiguousIndexKeyPattern:            "AmbiguousIndexKeyPattern",
	OutOfDiskSpace:                      "OutOfDiskSpace",
	WriteConflict:                       "WriteConflict",
	ReadConcernMajorityNotAvailableYet:  "ReadConcernMajorityNotAvailableYet",
	PrimarySteppedDown:                  "PrimarySteppedDown",
	NotWritablePrimary:                  "NotWritablePrimary",
	NotPrimaryNoSecondaryOk:             "NotPrimaryNoSecondaryOk",
	NotPrimaryOrSecondary:               "NotPrimaryOrSecondary",
	SocketException:                     "SocketException",
	ClientDisconnect:                    "ClientDisconnect",
	MechanismUnavailable:                "MechanismUnavailable",
	CannotGrowDocumentInCappedNamespace: "CannotGrowDocumentInCappedNamespace",
	IllegalOpMsgFlag:                    "IllegalOpMsgFlag",
	ReadThroughCacheLookupCanceled:      "ReadThroughCacheLookupCanceled",

	UserAlreadyExists:            "Location51003",
	IncompleteTransactionHistory: "IncompleteTransactionHistory",
	UpdateOperationFailed:        "UpdateOperationFailed",
	InvalidSSLConfiguration:      "InvalidSSLConfiguration",
	KeyNotFound:                  "KeyNotFound",
	DurationOverflow:             "DurationOverflow",
	JSInterpreterFailure:         "JSInterpreterFailure",
}
