package classify

// limitTexts are the wordings that name a limit of the receiver. They come
// first, and hold for 5yz as well: a message that came too fast was not judged.
//
// Within the table the exact stands before the general: what says "too many
// messages" may mean a connection, an hour or a mailbox.
var limitTexts = []rule{
	// Greylisting mentions almost every other word of these tables.
	{class: Greylisted, later: true, texts: says("greylist", "graylist", "grey list", "gray list", "grey-list")},

	// One connection has carried enough.
	{class: ConnectionMessageLimit, limit: LimitMessagesPerConnection, texts: says(
		"too many*messages*this session", "too many*messages*this connection", "too many*messages*per connection",
		"messages per session", "messages per connection", "message per connection", "mails per session",
		"mails per connection", "recipients per connection", "session exceeded", "session open for too long",
		"batch limit", "too many transactions", "messages*in one session", "too many recipients: too many messages")},

	// A mailbox that is full of messages, or of data, is no limit of this kind.
	{class: MailboxFull, texts: says("messages on the server", "messages in the mailbox", "too much mail data")},

	// One mailbox gets too much.
	{class: RecipientRateLimited, limit: LimitMailboxRate, texts: says(
		"is receiving mail", "is receiving email", "is receiving e-mail", "receiving messages too",
		"recipient thread limit", "message receive limit", "message receiving limit", "recipient*receiving limit",
		"mailbox*rate limit", "too many messages for this recipient", "too many messages to this recipient",
		"too much mail for this", "too many mails to*user")},

	// Connections over time, before connections at once.
	{class: RateLimited, limit: LimitConnectionRate, texts: says(
		"connection rate", "connect rate", "rate of connections", "connection frequency", "ip frequency limited",
		"frequent connect", "connecting too", "connections too f", "connection attempts",
		"too many new tls", "too many new connections", "connections per minute", "connections per hour",
		"connections*this hour", "too many connections in")},
	{class: TooManyConnections, limit: LimitConnections, texts: says(
		"too many*connections", "too many*sessions", "too many smtp connection", "number of*connections",
		"concurrent connection", "simultaneous connection", "concurrent session", "simultaneous session",
		"parallel connection", "connection limit", "connections limit", "concurrency limit", "session limit",
		"connection slots", "maximum connections", "max connections", "thread limit", "trop de connexions",
		"zu viele verbindungen", "demasiadas conexiones")},

	// Recipients over time, before recipients at once.
	{class: RateLimited, limit: LimitRecipientRate, texts: says(
		"too many recipients*hour", "too many recipients*minute", "too many recipients*day",
		"too many recipients from", "recipient rate", "recipients per hour", "recipients per minute", "recipients per day")},
	{class: TooManyRecipients, limit: LimitRecipientsPerMessage, texts: says(
		"too many recipients", "too many rcpt", "too much recipients", "recipients per message", "recipient per message",
		"maximum number of recipients", "number of recipients exceed", "max of*recipients", "max rcpt", "rcpt limit",
		"recipient limit", "reciplimit", "recipients limit", "one recipient allowed", "one recipient at a time",
		"recipients reached", "multiple destination domains per transaction", "policy size per transaction")},

	// Why a receiver slows down may be more than a limit: a sender that does not
	// prove itself, or is not liked, is not helped by waiting for a token.
	{class: RateLimited, limit: LimitMessageRate, texts: says("unusual rate", "unusual amount")},
	{class: SenderAuth, texts: says("because*authenticat", "because*spf", "because*dkim", "because*dmarc", "from: header*authenticat", "from: header*aligned", "spf record", "dmarc record")},
	{class: TLS, texts: says("not using a tls", "wasn't sent over a tls")},
	{class: DNSSender, texts: says(" ptr record")},
	{class: IPReputation, texts: says("ip/domain reputation")},
	{class: DomainReputation, texts: says("reputation of the sending domain", "domain reputation", "reputation of your domain")},
	{class: IPReputation, texts: says("reputation", "unexpected volume", "user complaints")},

	// A sum over a day or an hour.
	{class: RateLimited, limit: LimitQuota, texts: says(
		"daily*limit", "daily*quota", "hourly*limit", "hourly*quota", "limit per day", "limit per hour",
		"sending limit", "sending quota", "messaging limit", "relay limit", "relay quota", "quota for sending",
		"exceed*per day", "exceed*per hour", "number of*per day", "number of*per hour", "quota*per day", "quota*per hour",
		"too many*this hour", "too many*today", "too many*per hour", "too many*per day", "mail quota exceeded for sender")},

	// Space, which also has quotas and limits.
	{class: InsufficientStorage, texts: says(
		"system storage", "insufficient disk", "insufficient storage", "insufficient space", "out of disk space",
		"not enough disk", "mail system full", "space shortage", "no space left", "disk full", "not enough storage")},

	// Messages over time.
	{class: RateLimited, limit: LimitMessageRate, texts: says(
		"rate limit", "rate-limit", "ratelimit", "limit rate", "rate exceeded", "sending rate", "message rate",
		"rate control", "throttl", "too much mail", "too many message", "too many mails", "too many emails", "too many e-mails",
		"too fast", "slow down", "mail too quickly", "messages too quickly", "sending too", "frequency limit",
		"mail flood", "flooding")},
}
