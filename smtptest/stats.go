package smtptest

// Stats are the sums of a server since its start.
type Stats struct {
	Connections int         // greeted with 220
	Refused     int         // connections that were refused or lost before
	Open        int         // greeted and still counted
	Peak        int         // the most that were ever open at once
	Mails       int         // MAIL commands
	Messages    int         // accepted
	Recipients  int         // accepted recipients of accepted messages
	Throttled   int         // replies given because of a Cap, a Rate or a Greylist
	Replies     map[int]int // replies by code
	BytesIn     int64       // on the wire, TLS included
	BytesOut    int64
}
