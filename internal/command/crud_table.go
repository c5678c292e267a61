package command

// crudSpecs are the commands that read and write documents, ordered by name. A command without
// handler does not exist.
func crudSpecs() []Spec {
	return []Spec{
		{
			Name: "aggregate", Handler: aggregate, Flags: TxnAllowed | TxnFirst | APIV1 | TakesConcern,
			Help: "Runs a pipeline.", Levels: allLevel, Target: TargetCollOrOne, Counter: CountCommand,
			Args: []Arg{
				{"pipeline", Array | Required}, {"cursor", Object}, {"explain", BoolLike}, {"allowDiskUse", BoolLike},
				{"collation", Object}, {"hint", String | Object}, {"let", Object}, {"bypassDocumentValidation", BoolLike}, {"bypassEmptyTsReplacement", Boolean},
				{"collectionUUID", BinData}, {"fromMongos", Boolean}, {"needsMerge", Boolean},
			},
		},
		{
			Name: "bulkWrite", Handler: bulkWrite, Flags: Write | TakesConcern | TxnAllowed | TxnFirst | Retryable | AdminOnly | APIV1,
			Help: "Writes documents of several collections.", Counter: CountCommand, Sequences: []string{"ops", "nsInfo"},
			Args: []Arg{
				{"ops", Array | Required}, {"nsInfo", Array | Required}, {"errorsOnly", Boolean}, {"ordered", BoolLike},
				{"let", Object}, {"bypassDocumentValidation", BoolLike}, {"bypassEmptyTsReplacement", Boolean}, {"cursor", Object}, {"stmtIds", Array},
			},
		},
		{
			Name: "count", Handler: count, Flags: APIV1, Help: "Counts documents.", Levels: anyLevel, Target: TargetColl,
			Args: []Arg{
				{"query", Object}, {"limit", Number}, {"skip", Number}, {"hint", String | Object}, {"collation", Object},
				{"fields", Any}, {"collectionUUID", BinData},
			},
		},
		{
			Name: "delete", Handler: deleteCommand, Flags: Write | TakesConcern | TxnAllowed | TxnFirst | Retryable | APIV1,
			Help: "Deletes documents.", Target: TargetColl, Counter: CountDelete, Sequences: []string{"deletes"},
			Args: []Arg{
				{"deletes", Array | Required}, {"ordered", BoolLike}, {"let", Object}, {"bypassDocumentValidation", BoolLike}, {"bypassEmptyTsReplacement", Boolean},
				{"stmtIds", Array}, {"collectionUUID", BinData}, {"maxTimeMSOpOnly", Number},
			},
		},
		{
			Name: "distinct", Handler: distinct, Flags: TxnAllowed | TxnFirst, Help: "Lists the values of a field.",
			Levels: allLevel, Target: TargetColl,
			Args: []Arg{
				{"key", String | Required}, {"query", Object}, {"collation", Object}, {"hint", String | Object},
				{"collectionUUID", BinData},
			},
		},
		{
			Name: "explain", Handler: explain, Flags: APIV1, Help: "Shows how a command would run.", Levels: allLevel,
			Args: []Arg{{"verbosity", String}},
		},
		{
			Name: "find", Handler: find, Flags: TxnAllowed | TxnFirst | APIV1, Help: "Queries documents.",
			Levels: allLevel, Target: TargetColl, Counter: CountQuery,
			Args: []Arg{
				{"filter", Object}, {"sort", Object}, {"projection", Object}, {"hint", String | Object}, {"skip", Number},
				{"limit", Number}, {"batchSize", Number}, {"singleBatch", BoolLike}, {"max", Object}, {"min", Object},
				{"returnKey", BoolLike}, {"showRecordId", BoolLike}, {"tailable", BoolLike}, {"awaitData", BoolLike},
				{"noCursorTimeout", BoolLike}, {"allowPartialResults", BoolLike}, {"oplogReplay", BoolLike},
				{"collation", Object}, {"allowDiskUse", BoolLike}, {"let", Object}, {"collectionUUID", BinData},
				{"readOnce", BoolLike}, {"term", Number},
			},
		},
		{
			Name: "findAndModify", Handler: findAndModify, Aliases: []string{"findandmodify"},
			Flags: Write | TakesConcern | TxnAllowed | TxnFirst | Retryable | APIV1,
			Help:  "Changes one document and returns it.", Target: TargetColl,
			Args: []Arg{
				{"query", Object}, {"sort", Object}, {"remove", BoolLike}, {"update", Object | Array}, {"new", BoolLike},
				{"fields", Object}, {"upsert", BoolLike}, {"collation", Object}, {"arrayFilters", Array},
				{"hint", String | Object}, {"let", Object}, {"bypassDocumentValidation", BoolLike}, {"bypassEmptyTsReplacement", Boolean}, {"collectionUUID", BinData},
			},
		},
		{
			Name: "getMore", Handler: getMore, Flags: TxnAllowed | APIV1 | OwnMaxTime | OnCursor, Help: "Returns the next batch of a cursor.",
			Target: TargetCollection, Counter: CountGetMore,
			Args: []Arg{{"collection", String | Required}, {"batchSize", Number}, {"term", Number}, {"lastKnownCommittedOpTime", Object}},
		},
		{
			Name: "insert", Handler: insert, Flags: Write | TakesConcern | TxnAllowed | TxnFirst | Retryable | APIV1,
			Help: "Inserts documents.", Target: TargetColl, Counter: CountInsert, Sequences: []string{"documents"},
			Args: []Arg{
				{"documents", Array | Required}, {"ordered", BoolLike}, {"bypassDocumentValidation", BoolLike}, {"bypassEmptyTsReplacement", Boolean},
				{"stmtIds", Array}, {"collectionUUID", BinData},
			},
		},
		{
			Name: "killCursors", Handler: killCursors, Flags: TxnAllowed | APIV1 | OnCursor, Help: "Closes cursors.", Target: TargetColl,
			Args: []Arg{{"cursors", Array | Required}},
		},
		{
			Name: "update", Handler: updateCommand, Flags: Write | TakesConcern | TxnAllowed | TxnFirst | Retryable | APIV1,
			Help: "Changes documents.", Target: TargetColl, Counter: CountUpdate, Sequences: []string{"updates"},
			Args: []Arg{
				{"updates", Array | Required}, {"ordered", BoolLike}, {"let", Object}, {"bypassDocumentValidation", BoolLike}, {"bypassEmptyTsReplacement", Boolean},
				{"stmtIds", Array}, {"collectionUUID", BinData},
			},
		},
	}
}
