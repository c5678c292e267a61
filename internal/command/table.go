package command

// specs is the command table, ordered by name. Handlers of reads and writes of documents are in
// the crud files.
func specs() []Spec {
	return append(crudSpecs(), []Spec{
		{
			Name: "abortTransaction", Handler: cmdAbortTransaction, Flags: Write | TakesConcern | TxnAllowed | AdminOnly | APIV1,
			Help: "Drops everything that a transaction did.",
		},
		{
			Name: "authenticate", Handler: cmdAuthenticate, Flags: NoAuth | APIV1 | Legacy | Lenient, Help: "Refuses authentication by certificate.",
		},
		{
			Name: "buildInfo", Aliases: []string{"buildinfo"}, Handler: cmdBuildInfo, Flags: NoAuth | TxnInforms,
			Help: "Describes the server program.",
		},
		{
			Name: "clearLog", Handler: cmdClearLog, Flags: AdminOnly | TestOnly, Help: "Forgets the newest log lines.",
		},
		{
			Name: "cloneCollectionAsCapped", Handler: cmdCloneAsCapped, Flags: Write | TakesConcern, Target: TargetColl,
			Help: "Copies a collection into a capped one.",
			Args: []Arg{{"toCollection", String | Required}, {"size", Number | Required}, {"temp", BoolLike}},
		},
		{
			Name: "collMod", Handler: cmdCollMod, Flags: Write | TakesConcern | APIV1, Target: TargetColl,
			Help: "Changes options of a collection, view or index.",
			Args: []Arg{
				{"index", Object},
				{"validator", Object},
				{"validationLevel", String},
				{"validationAction", String},
				{"viewOn", String},
				{"pipeline", Array},
				{"cappedSize", Number},
				{"cappedMax", Number},
				{"expireAfterSeconds", Number | String},
				{"changeStreamPreAndPostImages", Object},
				{"timeseries", Object},
				{"dryRun", Boolean},
			},
		},
		{
			Name: "collStats", Aliases: []string{"collstats"}, Handler: cmdCollStats, Target: TargetColl,
			Help: "Describes the size of a collection.",
			Args: []Arg{{"scale", Number}, {"verbose", BoolLike}},
		},
		{
			Name: "commitTransaction", Handler: cmdCommitTransaction, Flags: Write | TakesConcern | TxnAllowed | AdminOnly | APIV1,
			Help: "Makes everything that a transaction did visible and durable.",
		},
		{
			Name: "configureFailPoint", Handler: cmdConfigureFailPoint, Flags: AdminOnly | TestOnly,
			Help: "Makes commands fail, for tests.",
			Args: []Arg{{"mode", Any}, {"data", Object}, {"commandName", String}},
		},
		{
			Name: "connectionStatus", Handler: cmdConnectionStatus, Flags: NoAuth | TxnInforms, Help: "Describes the connection.",
			Args: []Arg{{"showPrivileges", BoolLike}},
		},
		{
			Name: "convertToCapped", Handler: cmdConvertToCapped, Flags: Write | TakesConcern, Target: TargetColl,
			Help: "Makes a collection a capped one.",
			Args: []Arg{{"size", Number | Required}},
		},
		{
			Name: "create", Handler: cmdCreate, Flags: Write | TakesConcern | TxnAllowed | TxnFirst | APIV1, Target: TargetColl,
			Help: "Makes a collection or view.",
			Args: []Arg{
				{"capped", BoolLike},
				{"autoIndexId", BoolLike},
				{"idIndex", Object},
				{"size", Number},
				{"max", Number},
				{"storageEngine", Object},
				{"validator", Object},
				{"validationLevel", String},
				{"validationAction", String},
				{"indexOptionDefaults", Object},
				{"viewOn", String},
				{"pipeline", Array},
				{"collation", Object},
				{"expireAfterSeconds", Number | String},
				{"timeseries", Object},
				{"clusteredIndex", Object | Boolean},
				{"changeStreamPreAndPostImages", Object},
				{"encryptedFields", Object},
				{"flags", Number},
				{"temp", BoolLike},
			},
		},
		{
			Name: "createIndexes", Handler: cmdCreateIndexes, Flags: Write | TakesConcern | TxnAllowed | TxnFirst | APIV1, Target: TargetColl,
			Help: "Builds indexes.",
			Args: []Arg{{"indexes", Array | Required}, {"commitQuorum", Number | String}, {"ignoreUnknownIndexOptions", BoolLike}, {"v", Number}},
		},
		{
			Name: "createSearchIndexes", Handler: cmdSearchIndexes, Flags: Lenient, Target: TargetColl, Help: "Needs a search service.",
		},
		{
			Name: "createUser", Handler: cmdCreateUser, Flags: Write | TakesConcern, Help: "Makes a user.",
			Args: []Arg{
				{"pwd", String},
				{"customData", Object},
				{"roles", Array | Required},
				{"digestPassword", Boolean},
				{"mechanisms", Array},
				{"authenticationRestrictions", Array},
			},
		},
		{
			Name: "currentOp", Handler: cmdCurrentOp, Flags: AdminOnly | Lenient, Help: "Lists what runs.",
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
			Name: "dropAllUsersFromDatabase", Handler: cmdDropAllUsers, Flags: Write | TakesConcern, Help: "Removes the users of a database.",
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
			Name: "dropSearchIndex", Handler: cmdSearchIndexes, Flags: Lenient, Target: TargetColl, Help: "Needs a search service.",
		},
		{
			Name: "dropUser", Handler: cmdDropUser, Flags: Write | TakesConcern, Help: "Removes a user.",
		},
		{
			Name: "endSessions", Handler: cmdEndSessions, Flags: NoAuth | APIV1, Help: "Ends sessions.",
		},
		{
			Name: "fsync", Handler: cmdFsync, Flags: AdminOnly, Help: "Waits until all commits would survive a power cut.",
			Args: []Arg{{"lock", BoolLike}, {"async", BoolLike}, {"fsyncLockAcquisitionTimeoutMillis", Number}},
		},
		{
			Name: "getCmdLineOpts", Handler: cmdGetCmdLineOpts, Flags: AdminOnly, Help: "Tells how the server was started.",
		},
		{
			Name: "getDefaultRWConcern", Handler: cmdGetDefaultRWConcern, Flags: AdminOnly, Help: "Returns the default concerns.",
			Args: []Arg{{"inMemory", BoolLike}},
		},
		{
			Name: "getDiagnosticData", Handler: cmdDiagnosticData, Flags: AdminOnly, Help: "Returns figures for monitoring.",
		},
		{
			Name: "getLog", Handler: cmdGetLog, Flags: AdminOnly, Help: "Returns the newest log lines.",
		},
		{
			Name: "getParameter", Handler: cmdGetParameter, Flags: AdminOnly | Lenient, Help: "Returns settings.",
		},
		{
			Name: "hello", Handler: cmdHello, Flags: NoAuth | TxnInforms | APIV1 | Lenient | OwnMaxTime | NoShutdown | Legacy | Endless,
			Help: "Describes the server and its connection.", Args: helloArgs,
		},
		{
			Name: "hostInfo", Aliases: []string{"hostinfo"}, Handler: cmdHostInfo, Help: "Describes the machine.",
		},
		{
			Name: "isMaster", Aliases: []string{"ismaster"}, Handler: cmdHello,
			Flags: NoAuth | TxnInforms | APIV1 | Lenient | OwnMaxTime | NoShutdown | Legacy | Endless,
			Help:  "The name that hello had before.", Args: helloArgs,
		},
		{
			Name: "killAllSessions", Handler: cmdKillAllSessions, Help: "Kills the sessions of users, or all.",
		},
		{
			Name: "killAllSessionsByPattern", Handler: cmdKillAllSessionsByPattern, Help: "Kills the sessions that match a pattern.",
		},
		{
			Name: "killOp", Handler: cmdKillOp, Flags: AdminOnly, Help: "Stops a command.",
			Args: []Arg{{"op", Number | Required}},
		},
		{
			Name: "killSessions", Handler: cmdKillSessions, Help: "Kills sessions of the user.",
		},
		{
			Name: "listCollections", Handler: cmdListCollections, Flags: APIV1, Help: "Lists the collections of a database.",
			Args: []Arg{{"filter", Object}, {"nameOnly", BoolLike}, {"authorizedCollections", BoolLike}, {"cursor", Object}},
		},
		{
			Name: "listCommands", Handler: cmdListCommands, Flags: NoAuth | TxnInforms, Help: "Lists the commands.",
		},
		{
			Name: "listDatabases", Handler: cmdListDatabases, Flags: AdminOnly | APIV1, Help: "Lists the databases.",
			Args: []Arg{{"filter", Object}, {"nameOnly", BoolLike}, {"authorizedDatabases", BoolLike}},
		},
		{
			Name: "listIndexes", Handler: cmdListIndexes, Flags: APIV1, Target: TargetColl, Help: "Lists the indexes of a collection.",
			Args: []Arg{{"cursor", Object}, {"includeBuildUUIDs", BoolLike}, {"includeIndexBuildInfo", BoolLike}},
		},
		{
			Name: "logout", Handler: cmdLogout, Flags: NoAuth | APIV1, Help: "Ends the authentication on a database.",
		},
		{
			Name: "ping", Handler: cmdPing, Flags: NoAuth | APIV1, Help: "Answers.",
		},
		{
			Name: "planCacheClear", Handler: cmdPlanCacheClear, Target: TargetColl, Help: "Finds no cached plans to forget.",
			Args: []Arg{{"query", Object}, {"projection", Object}, {"sort", Object}, {"collation", Object}},
		},
		{
			Name: "profile", Handler: cmdProfile, Help: "Reads and sets what counts as slow.",
			Args: []Arg{{"slowms", Number}, {"sampleRate", Number}, {"filter", Any}},
		},
		{
			Name: "reapLogicalSessionCacheNow", Handler: cmdReapSessions, Flags: AdminOnly | TestOnly, Help: "Forgets the sessions that have timed out.",
		},
		{
			Name: "refreshLogicalSessionCacheNow", Handler: cmdReapSessions, Flags: AdminOnly | TestOnly, Help: "Forgets the sessions that have timed out.",
		},
		{
			Name: "refreshSessions", Handler: cmdRefreshSessions, Flags: NoAuth | APIV1, Help: "Keeps sessions from expiring.",
		},
		{
			Name: "renameCollection", Handler: cmdRenameCollection, Flags: Write | TakesConcern | AdminOnly, Target: TargetFullName,
			Help: "Gives a collection another name.",
			Args: []Arg{{"to", String | Required}, {"dropTarget", BoolLike | BinData}, {"stayTemp", BoolLike}},
		},
		{
			Name: "replSetGetConfig", Handler: cmdReplSetGetConfig, Flags: AdminOnly, Help: "Returns the configuration of the replica set.",
			Args: []Arg{{"commitmentStatus", BoolLike}},
		},
		{
			Name: "replSetGetStatus", Handler: cmdReplSetGetStatus, Flags: AdminOnly, Help: "Describes the replica set.",
			Args: []Arg{{"initialSync", BoolLike}},
		},
		{
			Name: "replSetInitiate", Handler: cmdReplSetInitiate, Flags: AdminOnly | Lenient, Help: "Has nothing to do.",
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
		{
			Name: "serverStatus", Handler: cmdServerStatus, Flags: Lenient, Help: "Describes what the server is doing.",
		},
		{
			Name: "setFeatureCompatibilityVersion", Handler: cmdSetFCV, Flags: Write | TakesConcern | AdminOnly,
			Help: "Sets the feature compatibility version.",
			Args: []Arg{{"confirm", BoolLike}, {"downgradeOnDiskChanges", BoolLike}, {"fromConfigServer", BoolLike}},
		},
		{
			Name: "setParameter", Handler: cmdSetParameter, Flags: AdminOnly | Lenient, Help: "Changes a setting.",
		},
		{
			Name: "shutdown", Handler: cmdShutdown, Flags: AdminOnly | NoShutdown, Help: "Ends the server.",
			Args: []Arg{{"force", BoolLike}, {"timeoutSecs", Number}},
		},
		{
			Name: "startSession", Handler: cmdStartSession, Help: "Makes a session.",
		},
		{
			Name: "testDeprecation", Handler: cmdPing, Flags: TestOnly | APIV1 | Deprecated, Help: "Answers, for tests of the versioned API.",
		},
		{
			Name: "testDeprecationInVersion2", Handler: cmdPing, Flags: TestOnly | APIV1, Help: "Answers, for tests of the versioned API.",
		},
		{
			Name: "testVersion2", Handler: cmdPing, Flags: TestOnly, Help: "Answers, for tests of the versioned API.",
		},
		{
			Name: "testVersions1And2", Handler: cmdPing, Flags: TestOnly | APIV1, Help: "Answers, for tests of the versioned API.",
		},
		{
			Name: "top", Handler: cmdTop, Flags: AdminOnly, Help: "Tells how often collections were used.",
		},
		{
			Name: "updateSearchIndex", Handler: cmdSearchIndexes, Flags: Lenient, Target: TargetColl, Help: "Needs a search service.",
		},
		{
			Name: "updateUser", Handler: cmdUpdateUser, Flags: Write | TakesConcern, Help: "Changes a user.",
			Args: []Arg{
				{"pwd", String},
				{"customData", Object},
				{"roles", Array},
				{"digestPassword", Boolean},
				{"mechanisms", Array},
				{"authenticationRestrictions", Array},
			},
		},
		{
			Name: "usersInfo", Handler: cmdUsersInfo, Help: "Describes users.",
			Args: []Arg{
				{"showCredentials", BoolLike},
				{"showPrivileges", BoolLike},
				{"showCustomData", BoolLike},
				{"showAuthenticationRestrictions", BoolLike},
				{"filter", Object},
			},
		},
		{
			Name: "validate", Handler: cmdValidate, Target: TargetColl, Help: "Compares every index entry with every record.",
			Args: []Arg{
				{"full", BoolLike},
				{"background", BoolLike},
				{"repair", BoolLike},
				{"metadata", BoolLike},
				{"fixMultikey", BoolLike},
				{"checkBSONConformance", BoolLike},
				{"enforceFastCount", BoolLike},
			},
		},
		{
			Name: "waitForFailPoint", Handler: cmdWaitForFailPoint, Flags: AdminOnly | TestOnly,
			Help: "Waits until a fail point was hit, for tests.",
			Args: []Arg{{"timesEntered", Number | Required}},
		},
		{
			Name: "whatsmyuri", Handler: cmdWhatsMyURI, Flags: NoAuth, Help: "Tells a client its own address.",
		},
	}...)
}

// helloArgs are the fields of hello that have a type.
var helloArgs = []Arg{
	{"helloOk", BoolLike},
	{"client", Object},
	{"compression", Array},
	{"saslSupportedMechs", Any},
	{"speculativeAuthenticate", Object},
	{"topologyVersion", Object},
	{"maxAwaitTimeMS", Number},
	{"loadBalanced", BoolLike},
	{"hostInfo", Any},
	{"internalClient", Any},
}
