package command

// specs is the command table, ordered by name. Handlers of reads and writes of documents are in
// the crud files.
func specs() []Spec {
	return append(crudSpecs(), []Spec{
		{
			Name: "collMod", Handler: cmdCollMod, Flags: Write | TakesConcern | APIV1, Target: TargetColl,
			Help: "Changes options of a collection, view or index.",
			Args: []Arg{
				{"index", Object}, {"validator", Object}, {"validationLevel", String}, {"validationAction", String},
				{"viewOn", String}, {"pipeline", Array}, {"cappedSize", Number}, {"cappedMax", Number},
				{"expireAfterSeconds", Number | String}, {"changeStreamPreAndPostImages", Object}, {"timeseries", Object}, {"dryRun", Boolean},
			},
		},
		{
			Name: "collStats", Aliases: []string{"collstats"}, Handler: cmdCollStats, Target: TargetColl,
			Help: "Describes the size of a collection.",
			Args: []Arg{{"scale", Number}, {"verbose", BoolLike}},
		},
		{
			Name: "create", Handler: cmdCreate, Flags: Write | TakesConcern | TxnAllowed | TxnFirst | APIV1, Target: TargetColl,
			Help: "Makes a collection or view.",
			Args: []Arg{
				{"capped", BoolLike}, {"autoIndexId", BoolLike}, {"idIndex", Object}, {"size", Number}, {"max", Number},
				{"storageEngine", Object}, {"validator", Object}, {"validationLevel", String}, {"validationAction", String},
				{"indexOptionDefaults", Object}, {"viewOn", String}, {"pipeline", Array}, {"collation", Object},
				{"expireAfterSeconds", Number | String}, {"timeseries", Object}, {"clusteredIndex", Object | Boolean},
				{"changeStreamPreAndPostImages", Object}, {"encryptedFields", Object}, {"flags", Number}, {"temp", BoolLike},
			},
		},
		{
			Name: "createIndexes", Handler: cmdCreateIndexes, Flags: Write | TakesConcern | TxnAllowed | TxnFirst | APIV1, Target: TargetColl,
			Help: "Builds indexes.",
			Args: []Arg{{"indexes", Array | Required}, {"commitQuorum", Number | String}, {"ignoreUnknownIndexOptions", BoolLike}, {"v", Number}},
		},
		{
			Name: "dataSize", Aliases: []string{"datasize"}, Handler: cmdDataSize, Target: TargetFullName,
			Help: "Returns the size of a collection's documents.",
			Args: []Arg{{"keyPattern", Object}, {"min", Object}, {"max", Object}, {"estimate", BoolLike}},
		},
		{
			Name: "dbStats", Aliases: []string{"dbstats"}, Handler: cmdDBStats,
			Help: "Describes the size of a database.",
			Args: []Arg{{"scale", Number}, {"freeStorage", Number}},
		},
		{
			Name: "drop", Handler: cmdDrop, Flags: Write | TakesConcern | APIV1, Target: TargetColl,
			Help: "Removes a collection or view.", Args: []Arg{{"collectionUUID", BinData}},
		},
		{
			Name: "dropDatabase", Handler: cmdDropDatabase, Flags: Write | TakesConcern | APIV1, Help: "Removes everything in a database.",
		},
		{
			Name: "dropIndexes", Aliases: []string{"deleteIndexes"}, Handler: cmdDropIndexes,
			Flags: Write | TakesConcern | APIV1, Target: TargetColl, Help: "Removes indexes.",
			Args: []Arg{{"index", String | Object | Array | Required}},
		},
		{
			Name: "listCollections", Handler: cmdListCollections, Flags: APIV1, Help: "Lists the collections of a database.",
			Args: []Arg{{"filter", Object}, {"nameOnly", BoolLike}, {"authorizedCollections", BoolLike}, {"cursor", Object}},
		},
		{
			Name: "listDatabases", Handler: cmdListDatabases, Flags: AdminOnly | APIV1, Help: "Lists the databases.",
			Args: []Arg{{"filter", Object}, {"nameOnly", BoolLike}, {"authorizedDatabases", BoolLike}},
		},
		{
			Name: "listIndexes", Handler: cmdListIndexes, Flags: APIV1, Target: TargetColl, Help: "Lists the indexes of a collection.",
			Args: []Arg{{"cursor", Object}, {"includeIndexBuildInfo", BoolLike}},
		},
		{
			Name: "renameCollection", Handler: cmdRenameCollection, Flags: Write | TakesConcern | AdminOnly, Target: TargetFullName,
			Help: "Gives a collection another name.",
			Args: []Arg{{"to", String | Required}, {"dropTarget", BoolLike | BinData}, {"stayTemp", BoolLike}},
		},
		{
			Name: "abortTransaction", Handler: cmdAbortTransaction, Flags: Write | TakesConcern | TxnAllowed | AdminOnly | APIV1,
			Help: "Drops everything that a transaction did.",
		},
		{
			Name: "commitTransaction", Handler: cmdCommitTransaction, Flags: Write | TakesConcern | TxnAllowed | AdminOnly | APIV1,
			Help: "Makes everything that a transaction did visible and durable.",
		},
		{
			Name: "endSessions", Handler: cmdEndSessions, Flags: NoAuth | APIV1, Help: "Ends sessions.",
		},
		{
			Name: "killAllSessions", Handler: cmdKillAllSessions, Help: "Kills the sessions of users, or all.",
		},
		{
			Name: "killAllSessionsByPattern", Handler: cmdKillAllSessionsByPattern, Help: "Kills the sessions that match a pattern.",
		},
		{
			Name: "killSessions", Handler: cmdKillSessions, Help: "Kills sessions of the user.",
		},
		{
			Name: "refreshSessions", Handler: cmdRefreshSessions, Flags: NoAuth | APIV1, Help: "Keeps sessions from expiring.",
		},
		{
			Name: "startSession", Handler: cmdStartSession, Help: "Makes a session.",
		},
		{
			Name: "buildInfo", Aliases: []string{"buildinfo"}, Handler: cmdBuildInfo, Flags: NoAuth | TxnInforms,
			Help: "Describes the server program.",
		},
		{
			Name: "configureFailPoint", Handler: cmdConfigureFailPoint, Flags: AdminOnly | TestOnly,
			Help: "Makes commands fail, for tests.",
			Args: []Arg{{"mode", Any}, {"data", Object}, {"commandName", String}},
		},
		{
			Name: "hello", Handler: cmdHello, Flags: NoAuth | TxnInforms | APIV1 | Lenient | OwnMaxTime | NoShutdown | Legacy | Endless,
			Help: "Describes the server and its connection.", Args: helloArgs,
		},
		{
			Name: "isMaster", Aliases: []string{"ismaster"}, Handler: cmdHello,
			Flags: NoAuth | TxnInforms | APIV1 | Lenient | OwnMaxTime | NoShutdown | Legacy | Endless,
			Help:  "The name that hello had before.", Args: helloArgs,
		},
		{
			Name: "logout", Handler: cmdLogout, Flags: NoAuth | APIV1, Help: "Ends the authentication on a database.",
		},
		{
			Name: "ping", Handler: cmdPing, Flags: NoAuth | APIV1, Help: "Answers.",
		},
		{
			Name: "saslContinue", Handler: cmdSaslContinue, Flags: NoAuth | APIV1 | Legacy,
			Help: "Goes on with an authentication.",
			Args: []Arg{{"conversationId", Number | Required}, {"payload", BinData | String | Required}},
		},
		{
			Name: "saslStart", Handler: cmdSaslStart, Flags: NoAuth | APIV1 | Legacy,
			Help: "Begins an authentication.",
			Args: []Arg{{"mechanism", String | Required}, {"payload", BinData | String | Required}, {"options", Object}, {"autoAuthorize", BoolLike}, {"db", String}},
		},
	}...)
}

// helloArgs are the fields of hello that have a type.
var helloArgs = []Arg{
	{"helloOk", BoolLike}, {"client", Object}, {"compression", Array}, {"saslSupportedMechs", Any},
	{"speculativeAuthenticate", Object}, {"topologyVersion", Object}, {"maxAwaitTimeMS", Number},
	{"loadBalanced", BoolLike}, {"hostInfo", Any}, {"internalClient", Any},
}
