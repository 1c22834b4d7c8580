package smtptest

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLimits(t *testing.T) {
	tests := []struct {
		name      string
		cfg       Config
		script    string
		throttled int
	}{
		{"messages over time", Config{Limits: Limits{MessageRate: Rate{Count: 1, Per: time.Minute}}}, opened + `
			> RSET
			< 250
			> MAIL FROM:<>
			< 450 4.7.1 Error: too much mail from 127.0.0.1
			wait 60s
			> MAIL FROM:<>
			< 250`, 1},
		{"messages over time, by 421", Config{Limits: Limits{MessageRate: Rate{Count: 1, Per: time.Minute, Reply: "421 4.7.28 slow down"}}}, opened + `
			> RSET
			< 250
			> MAIL FROM:<>
			< 421 4.7.28 slow down
			< EOF`, 1},
		{"recipients over time", Config{Limits: Limits{RecipientRate: Rate{Count: 1, Per: time.Hour}}}, opened + `
			> RCPT TO:<c@example.org>
			< 450 4.7.1 Error: too many recipients from 127.0.0.1
			> DATA
			< 354
			> .
			< 250`, 1},
		{"recipients per message", Config{Limits: Limits{RecipientsPerMessage: Cap{Max: 1}}}, opened + `
			> RCPT TO:<c@example.org>
			< 452 4.5.3 Error: too many recipients
			> RSET
			< 250
			> MAIL FROM:<>
			< 250
			> RCPT TO:<c@example.org>
			< 250`, 1},
		{"messages per connection", Config{Limits: Limits{MessagesPerConnection: Cap{Max: 1}}}, opened + `
			> RSET
			< 250
			> MAIL FROM:<>
			< 421 4.7.0 mx.test Error: too many messages
			< EOF
			redial
			< 220
			> EHLO c
			< 250
			> MAIL FROM:<>
			< 250`, 1},
		{"messages per connection, like OpenSMTPD", Config{Limits: Limits{MessagesPerConnection: Cap{Max: 1, Reply: "452 4.5.3 Too many messages sent"}}}, opened + `
			> RSET
			< 250
			> MAIL FROM:<>
			< 452 4.5.3 Too many messages
			> NOOP
			< 250`, 1},
		{"connections over time", Config{Limits: Limits{ConnectionRate: Rate{Count: 1, Per: time.Minute}}}, `
			< 220
			redial
			< 421 4.7.0 mx.test Error: too many connections from 127.0.0.1
			< EOF
			wait 1m
			redial
			< 220`, 1},
		{"greylisting", Config{Domains: map[string]Domain{"example.net": {Greylist: Greylist{Delay: 5 * time.Minute}}}}, opened + `
			> RCPT TO:<c@Example.NET>
			< 450 4.2.0 <c@Example.NET>: Recipient address rejected: Greylisted
			wait 4m59s
			> RCPT TO:<c@Example.NET>
			< 450 4.2.0
			> RCPT TO:<d@example.net>
			< 450 4.2.0
			wait 1s
			> RCPT TO:<c@Example.NET>
			< 250
			> RCPT TO:<d@example.net>
			< 450 4.2.0
			> RSET
			< 250
			> MAIL FROM:<other@example.com>
			< 250
			> RCPT TO:<c@Example.NET>
			< 450 4.2.0`, 5},
		{"greylisting with a reply of its own", Config{Domains: map[string]Domain{"*": {Greylist: Greylist{Delay: time.Second, Reply: "451 come back in 1 second"}}}}, `
			< 220
			> EHLO c
			< 250
			> MAIL FROM:<>
			< 250
			> RCPT TO:<b@example.org>
			< 451 come back`, 1},
		{"a domain's messages over time", Config{Domains: map[string]Domain{"*": {MessageRate: Rate{Count: 1, Per: time.Minute}}}}, opened + `
			> RCPT TO:<c@example.org>
			< 250
			> RCPT TO:<c@example.net>
			< 250
			> RSET
			< 250
			> MAIL FROM:<>
			< 250
			> RCPT TO:<c@example.org>
			< 450 4.7.1 <c@example.org>: too many messages`, 1},
		{"a domain's recipients over time", Config{Domains: map[string]Domain{"example.org": {RecipientRate: Rate{Count: 1, Per: time.Minute}}}}, opened + `
			> RCPT TO:<c@example.org>
			< 450 4.7.1
			> RCPT TO:<c@example.net>
			< 250`, 1},
		{"a mailbox's messages over time", Config{Domains: map[string]Domain{"example.org": {MailboxRate: Rate{Count: 1, Per: time.Minute}}}}, opened + `
			> RCPT TO:<b@example.org>
			< 450 4.2.1
			> RCPT TO:<c@example.org>
			< 250`, 1},
		{"a domain's recipients per message", Config{Domains: map[string]Domain{"example.org": {RecipientsPerMessage: Cap{Max: 1}}}}, opened + `
			> RCPT TO:<c@example.org>
			< 452 4.5.3
			> RCPT TO:<c@example.net>
			< 250`, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, tt.cfg, func(t *testing.T, srv *Server) {
				play(t, srv, tt.script)
				if got := srv.Stats().Throttled; got != tt.throttled {
					t.Errorf("got %d replies by a limit, want %d", got, tt.throttled)
				}
			})
		})
	}
}

// A connection counts until the server closes it, so that whoever has seen the
// end may open the next.
func TestConnectionsAtOnce(t *testing.T) {
	cfg := Config{Limits: Limits{Connections: Cap{Max: 2}}}
	inBubble(t, cfg, func(t *testing.T, srv *Server) {
		one, two := newPlayer(t, srv), newPlayer(t, srv)
		defer one.conn.Close()
		defer two.conn.Close()
		one.play("< 220")
		two.play("< 220")
		play(t, srv, "< 421 4.7.0 mx.test Error: too many connections\n< EOF")
		one.play("> QUIT\n< 221\n< EOF")
		play(t, srv, "< 220")
		two.conn.Close()
		synctest.Wait()
		if n := len(srv.sessions); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		stats := srv.Stats()
		if stats.Connections != 3 || stats.Refused != 1 || stats.Peak != 2 {
			t.Errorf("got %+v, want 3 connections, 1 refused, 2 at once", stats)
		}
	})
}

// The transactions of a domain are given back however they end.
func TestTransactionsAtOnce(t *testing.T) {
	cfg := Config{Domains: map[string]Domain{"example.org": {Transactions: Cap{Max: 1}}}}
	const try = "< 220\n> EHLO c\n< 250\n> MAIL FROM:<>\n< 250\n> RCPT TO:<x@example.org>\n< "
	for _, end := range []string{"> RSET\n< 250", "> EHLO c\n< 250", "> QUIT\n< 221", "> DATA\n< 354\n> .\n< 250", "hangup"} {
		t.Run(end, func(t *testing.T) {
			inBubble(t, cfg, func(t *testing.T, srv *Server) {
				held := newPlayer(t, srv)
				defer held.conn.Close()
				held.play(opened + "> RCPT TO:<second@example.org>\n< 250")
				play(t, srv, try+"451 4.7.0 <x@example.org>: too many concurrent")
				held.play(end + "\nwait 1s")
				play(t, srv, try+"250")
			})
		})
	}
}

func TestConfigIsCopied(t *testing.T) {
	cfg := Config{Users: map[string]string{"u": "p"}, Domains: map[string]Domain{}}
	inBubble(t, cfg, func(t *testing.T, srv *Server) {
		cfg.Domains["example.org"] = Domain{Greylist: Greylist{Delay: time.Hour}}
		delete(cfg.Users, "u")
		play(t, srv, "< 220\n> EHLO c\n< 250\n> AUTH PLAIN "+b64("\x00u\x00p")+"\n< 235\n> MAIL FROM:<>\n< 250\n> RCPT TO:<b@example.org>\n< 250")
	})
}

// Of a message that is too large only the beginning takes up memory.
func TestOversizedMessageIsNotKept(t *testing.T) {
	inBubble(t, Config{MaxSize: 8}, func(t *testing.T, srv *Server) {
		play(t, srv, opened+"> DATA\n< 354\n> 12|34|56|78|.\n< 552")
		got := srv.Transactions()[0]
		if string(got.Data) != "12\r\n34\r\n" || got.Size != 16 || got.Accepted {
			t.Errorf("got %+v", got)
		}
	})
}
