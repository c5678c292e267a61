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
