package classify

import (
	"testing"
	"time"
)

func TestStatedRecipients(t *testing.T) {
	for _, tt := range []struct {
		reply string
		want  int
	}{
		{"554 Transaction failed: Recipient count exceeds 50.", 50},
		{"452 4.5.3 max of 100 recipients reached", 100},
		{"452 4.5.3 only one recipient allowed without spf pass", 1},
		{"452 Only one recipient at a time", 1},
		{"550 5.5.3 Maximum recipients is 50", 50},
		{"550 5.5.3 Too many recipients: 120 recipients, the limit is 100", 100},
		{"550 5.5.3 Too many recipients (120), max 50", 50},
		{"550 Too many recipients. Your message has 120 recipients, at most 25 recipients per message", 25},
		{"452 4.5.3 Too many recipients, limit=20", 20},
		{"452 too many recipients, no more than 5 per message", 5},
		{"452 Too many recipients: limited to 10/message", 10},
		{"550 5.5.3 number of recipients exceeds the maximum allowed number of recipients per message of 30", 30},
		{"452 too many recipients; 40 recipients allowed", 40},
		{"452 Too many recipients: 120 recipients, 50 max", 50},
		{"452 Too many recipients, you sent 30, only 20 allowed", 20},
		{"452 Too many recipients: 30 recipients given, limit for you 20 recipients", 20},

		{"452 4.5.3 Too many recipients", 0},
		{"452 4.5.3 Error: too many recipients (#5.7.1)", 0},
		{"452 too many recipients, message has 120 recipients", 0},
		{"452 too many recipients, try again in 5 minutes", 0},
		{"452 too many recipients, limit 5 minutes", 0},
		{"452 too many recipients, limit 999999999999", 0},
		{"450 4.7.1 too much mail, at most 50 recipients", 0}, // another limit
	} {
		r, err := ParseReply(tt.reply)
		if err != nil {
			t.Fatal(err)
		}
		if v := Of(StageDot, r); v.Stated.Count != int64(tt.want) {
			t.Errorf("%q states %+v (%v), want %d", tt.reply, v.Stated, v.Limit, tt.want)
		}
	}
}

func TestStatedOverTime(t *testing.T) {
	const day = 24 * time.Hour
	for _, tt := range []struct {
		reply string
		want  Stated
	}{
		{"450 4.7.1 sorry, max 3 requests per 5 minutes", Stated{LimitMessageRate, 3, false, 5 * time.Minute}},
		{"421 4.4.5 client mx.example.com [192.0.2.9] connections 61 exceed 60/60s", Stated{LimitConnectionRate, 60, false, time.Minute}},
		{"450 4.7.1 sorry, max 1.5mb per hour", Stated{LimitQuota, 3 << 19, true, time.Hour}},
		{"554 5.7.1 <DATA>: Data command rejected: only 10 messages per day", Stated{LimitQuota, 10, false, day}},
		{"450 4.7.1 sorry, max 500 messages per month", Stated{LimitQuota, 500, false, 30 * day}},
		{"450 4.7.1 sorry, max 1000 million messages per day", Stated{LimitQuota, 1_000_000_000, false, day}},
		{"450 4.7.1 sorry, max 1001 million messages per day", Stated{}},
		{"450 4.7.1 sorry, max 2000000 bytes per hour", Stated{LimitQuota, 2_000_000, true, time.Hour}},
		{"450 4.7.1 sorry, max 2 megabytes per hour", Stated{LimitQuota, 2 << 20, true, time.Hour}},
		{"450 4.7.1 sorry, max 100 450 messages per hour", Stated{}},
		{"450 4.7.1 sorry, max 1 450 messages per hour", Stated{}},
		{"450 4.7.1 sorry, max 100 250 per hour", Stated{}},
		{"421 4.7.40 Your email is rate limited to max 5 messages per hour: DMARC is missing", Stated{}}, // a limit of nobody's pace
		{"450 4.7.1 sorry, more than 5 mb daily, limit exceeded", Stated{LimitQuota, 5 << 20, true, day}},
		{"450 4.7.1 sorry, max 20 messages per second", Stated{LimitMessageRate, 20, false, time.Second}},
		{"450 4.7.1 sorry, max seven messages per hour", Stated{LimitQuota, 7, false, time.Hour}},
		{"455 Maximum messages sent per minute reached : limit is 10", Stated{LimitMessageRate, 10, false, time.Minute}},
		{"451 Domain example.com has exceeded the max emails per hour (300/300 (100%)) allowed", Stated{LimitQuota, 300, false, time.Hour}},
		{"550 Domain acme.example has exceeded the max defers and failures per hour (5/5 (100%)) allowed.", Stated{}}, // of failures,
		{"550 Domain acme.example has exceeded the max emails per hour (160/150 (106%)) allowed.", Stated{LimitQuota, 150, false, time.Hour}},
		{"421 RP-002 The server has exceeded the rate limit allowed on this connection.", Stated{}},
		{"421 4.7.0 Too many connections, error 010", Stated{}},
		{"550 5.7.1 Message rejected. Daily sending limit of 2,000 reached", Stated{LimitQuota, 2000, false, day}},
		{"452 4.7.1 Rate limited: 100 messages in 5 minutes", Stated{LimitMessageRate, 100, false, 5 * time.Minute}},
		{"421 4.7.0 rate limit exceeded: 30 messages / 60 seconds", Stated{LimitMessageRate, 30, false, time.Minute}},
		{"550 Limite de 200 correos por hora superado", Stated{LimitQuota, 200, false, time.Hour}},
		{"554 5.7.1 Sie haben Ihr Tageslimit von 500 Nachrichten erreicht", Stated{LimitQuota, 500, false, day}},
		{"450 每小时最多发送200封邮件", Stated{LimitQuota, 200, false, time.Hour}},
		{"450 4.7.0 Przekroczono limit 300 wiadomosci na godzine", Stated{LimitQuota, 300, false, time.Hour}},
		{"421 4.7.0 Your sender score allows two messages per minute only", Stated{LimitMessageRate, 2, false, time.Minute}},
		{"421 Sorry, I can only handle 3 parallel connections from you", Stated{LimitConnections, 3, false, 0}},
		{"421 4.7.0 too many concurrent sessions from this host, max 5", Stated{LimitConnections, 5, false, 0}},
		{"421 4.7.0 Maximum 20 messages per connection, reconnect to continue", Stated{LimitMessagesPerConnection, 20, false, 0}},

		{"550 5.7.1 Daily limit of 2.000 messages exceeded", Stated{LimitQuota, 2000, false, day}},
		{"550 Limit von 1.000.000 Mails am Tag überschritten", Stated{LimitQuota, 1_000_000, false, day}},
		{"550 maximum 12,345 messages per day", Stated{LimitQuota, 12_345, false, day}},
		{"550 daily quota of 1,450 messages exceeded", Stated{LimitQuota, 1450, false, day}},
		{"550 Limite journalière de 1\u00a0450 messages dépassée", Stated{}},
		{"550 daily quota of 1 450 messages exceeded", Stated{}}, // or of 450 by rule 1
		{"452 limit 1,5 MB pro Stunde ueberschritten", Stated{LimitQuota, 3 << 19, true, time.Hour}},
		{"452 limit of 1.500 KB per hour exceeded", Stated{}}, // of two sizes
		{"550 two hundred messages per day allowed, limit exceeded", Stated{LimitQuota, 200, false, day}},
		{"550 limit of five thousand mails per day reached", Stated{LimitQuota, 5000, false, day}},
		{"550 limit of 10 thousand mails per day reached", Stated{LimitQuota, 10_000, false, day}},
		{"550 limit of twenty-five mails per hour reached", Stated{LimitQuota, 25, false, time.Hour}},
		{"450 每天最多发送1万封邮件", Stated{LimitQuota, 10_000, false, day}},
		{"451 hourly limit exceeded: 51 of 50", Stated{LimitQuota, 50, false, time.Hour}},
		{"450 limit of 100 messages/day exceeded", Stated{LimitQuota, 100, false, day}},
		{"450 max 100 emails/hour", Stated{LimitQuota, 100, false, time.Hour}},
		{"421 Rate exceeded (10 mails/1m)", Stated{LimitMessageRate, 10, false, time.Minute}},
		{"421 over 10 connections/min from you", Stated{LimitConnectionRate, 10, false, time.Minute}},
		{"550 limit exceeded: max 10 daily", Stated{LimitQuota, 10, false, day}},
		{"550 5.7.0 Przekroczono limit 500 wiadomości na dobę", Stated{LimitQuota, 500, false, day}},
		{"421 already 4 sessions open from 192.0.2.17, max 4", Stated{LimitConnections, 4, false, 0}},
		{"535 5.7.8 account locked: more than 5 failed attempts per hour", Stated{}},
		{"550 HELO changed more than 3 times per hour", Stated{}},

		{"450 4.7.1 too many messages, try again in 5 minutes", Stated{}},
		{"421 rule 5: message rate limit per hour reached", Stated{}},
		{"450 4.7.1 message limit per hour of user 4711 exceeded", Stated{}},
		{"450 too many messages (ref 8812) in 1 hour", Stated{}},
		{"450 too many messages per hour, see page 17", Stated{}},
		{"450 4.7.1 you sent 3 messages in 1 minute, limit exceeded", Stated{}},
		{"421 too many connections (pid 4711)", Stated{}},
		{"421 too many connections from port 25 limit", Stated{}},
		{"452 too many recipients, limit code 552", Stated{}},
		{"450 4.7.1 client 7 exceeded 100 messages per hour", Stated{LimitQuota, 100, false, time.Hour}},
		{"421 4.7.0 too many connections, server 3, limit 10", Stated{LimitConnections, 10, false, 0}},
		{"452 4.5.3 recipient limit reached (20)", Stated{LimitRecipientsPerMessage, 20, false, 0}},
		{"421 4.7.0 Rate limit exceeded, wait 300 seconds", Stated{}},
		{"450 4.7.1 Error: too much mail from 192.0.2.9", Stated{}},
		{"550 5.4.6 Too many hops: 26 hops, the limit is 25 per day", Stated{}},
		{"550 5.1.1 only 5 messages per day: user unknown?", Stated{LimitQuota, 5, false, day}},
		{"450 4.7.1 more than 99999999999 messages per hour", Stated{}},
	} {
		r, err := ParseReply(tt.reply)
		if err != nil {
			t.Fatal(err)
		}
		if v := Of(StageMail, r); v.Stated != tt.want {
			t.Errorf("%q states %+v (%v by %s), want %+v", tt.reply, v.Stated, v.Limit, v.Rule, tt.want)
		}
	}
}
