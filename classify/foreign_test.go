package classify

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"
)

// TestSendError drives the real go-mail against a scripted server, as its
// errors have no exported fields to make them from.
func TestSendError(t *testing.T) {
	tests := []struct {
		name   string
		script map[string]string // verb to reply; "" closes the connection
		want   Verdict
	}{
		{"MAIL refused", map[string]string{"MAIL": "550 5.7.1 not from you"}, Verdict{Class: ClassPolicy, Recipient: RecipientRefused}},
		{"MAIL throttled", map[string]string{"MAIL": "450 4.7.1 rate limit, retry in 5 minutes"},
			Verdict{Class: ClassRateLimited, Limit: LimitMessageRate, RetryAfter: 5 * time.Minute}},
		{"MAIL 421", map[string]string{"MAIL": "421 4.3.2 too busy"}, Verdict{Class: ClassServerBusy, Connection: ConnDrop}},
		{"RCPT refused", map[string]string{"RCPT": "550 5.1.1 user unknown"}, Verdict{Class: ClassBadMailbox, Recipient: RecipientRefused}},
		{"RCPT greylisted", map[string]string{"RCPT": "451 4.7.1 Greylisted"}, Verdict{Class: ClassGreylisted}},
		{"DATA refused", map[string]string{"DATA": "451 4.3.0 no"}, Verdict{Class: ClassServerBusy, Connection: ConnReset}},
		{"dot refused", map[string]string{".": "554 5.7.1 spam"}, Verdict{Class: ClassSpamContent, Recipient: RecipientRefused}},
		{"dot without reply", map[string]string{".": ""}, Verdict{Class: ClassNetwork, Recipient: RecipientAmbiguous, Connection: ConnDrop}},
		{"dot with garbage", map[string]string{".": "25"}, Verdict{Class: ClassNetwork, Recipient: RecipientAmbiguous, Connection: ConnDrop}},
		{"dot without text", map[string]string{".": "250"}, Verdict{Class: ClassOK, Recipient: RecipientDelivered}},
		{"dot with 252", map[string]string{".": "252 will try"}, Verdict{Class: ClassOK, Recipient: RecipientDelivered}},
		{"RSET refused after delivery", map[string]string{"RSET": "421 bye"}, Verdict{Class: ClassOK, Recipient: RecipientDelivered, Connection: ConnDrop}},
		{"MAIL without reply", map[string]string{"MAIL": ""}, Verdict{Class: ClassNetwork, Connection: ConnDrop}},
		{"RCPT without reply", map[string]string{"RCPT": ""}, Verdict{Class: ClassNetwork, Connection: ConnDrop}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := sendTo(t, tt.script)
			if got := bare(Of(StageConnect, fmt.Errorf("newsletter: %w", err))); got != tt.want {
				t.Errorf("%v\ngot  %+v\nwant %+v", err, got, tt.want)
			}
		})
	}
}

// sendTo sends one message through go-mail to a server with the script. more are further
// recipients.
func sendTo(t *testing.T, script map[string]string, more ...string) error {
	t.Helper()
	near, far := net.Pipe()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { serve(far, script) })
	defer near.Close()

	session, err := smtp.NewClient(near, "mx.example.com")
	if err != nil {
		t.Fatal(err)
	}
	client, err := mail.NewClient("mx.example.com", mail.WithoutNoop())
	if err != nil {
		t.Fatal(err)
	}
	msg := mail.NewMsg()
	if err := msg.From("news@example.com"); err != nil {
		t.Fatal(err)
	}
	if err := msg.To(append(more, "too-many-connections@example.net")...); err != nil { // no part of the reply
		t.Fatal(err)
	}
	msg.SetMessageIDWithValue("spam@example.com")
	msg.SetBodyString(mail.TypeTextPlain, "hello")
	err = client.SendWithSMTPClient(session, msg)
	if err == nil {
		t.Fatal("go-mail reported no error")
	}
	return err
}

// serve replies as the script says. Of several replies to one verb, with "|" between them,
// each is given once but for the last.
func serve(conn net.Conn, script map[string]string) {
	script = maps.Clone(script)
	defer conn.Close()
	fmt.Fprint(conn, "220 mx.example.com\r\n")
	lines := bufio.NewScanner(conn)
	body := false
	for lines.Scan() {
		verb, _, _ := strings.Cut(lines.Text(), " ")
		if body && verb != "." {
			continue
		}
		reply, scripted := script[verb]
		if first, rest, several := strings.Cut(reply, "|"); several {
			reply, script[verb] = first, rest
		}
		switch {
		case scripted && reply == "":
			return
		case scripted:
		case verb == "EHLO":
			reply = "250-mx.example.com\r\n250 ENHANCEDSTATUSCODES"
		case verb == "DATA":
			reply = "354 go on"
		default:
			reply = "250 ok"
		}
		body = strings.HasPrefix(reply, "354")
		if _, err := fmt.Fprint(conn, reply, "\r\n"); err != nil {
			return
		}
	}
}

func TestSendErrorByReason(t *testing.T) {
	tests := []struct {
		reason mail.SendErrReason
		want   Verdict
	}{
		{mail.ErrGetSender, Verdict{Class: ClassContentRejected, Recipient: RecipientRefused}},
		{mail.ErrGetRcpts, Verdict{Class: ClassContentRejected, Recipient: RecipientRefused}},
		{mail.ErrNoUnencoded, Verdict{Class: ClassContentRejected, Recipient: RecipientRefused}},
		{mail.ErrSMTPMailFrom, Verdict{Class: ClassNetwork, Connection: ConnDrop}},
		{mail.ErrSMTPData, Verdict{Class: ClassNetwork, Connection: ConnDrop}},
		{mail.ErrWriteContent, Verdict{Class: ClassNetwork, Connection: ConnDrop}},
		{mail.ErrConnCheck, Verdict{Class: ClassNetwork, Connection: ConnDrop}},
		{mail.ErrSMTPDataClose, Verdict{Class: ClassNetwork, Recipient: RecipientAmbiguous, Connection: ConnDrop}},
		{mail.ErrSMTPReset, Verdict{Class: ClassOK, Recipient: RecipientDelivered, Connection: ConnDrop}},
		{mail.SendErrReason(99), Verdict{Class: ClassNetwork, Connection: ConnDrop}},
	}
	for _, tt := range tests {
		if got := bare(Of(StageRcpt, &mail.SendError{Reason: tt.reason})); got != tt.want {
			t.Errorf("%v: %+v, want %+v", tt.reason, got, tt.want)
		}
	}
	if got := Of(StageDot, (*mail.SendError)(nil)); got.Recipient != RecipientAmbiguous {
		t.Errorf("a nil *SendError: %+v", got)
	}
}

// lookalike prints as emersion/go-smtp's SMTPError does.
type lookalike struct {
	code int
	text string
}

func (e *lookalike) Temporary() bool { return e.code/100 == 4 }

func (e *lookalike) Error() string {
	s := fmt.Sprintf("SMTP error %03d", e.code)
	if e.text != "" {
		s += ": " + e.text
	}
	return s
}

func TestForeignReplies(t *testing.T) {
	tests := []struct {
		name string
		err  error
		code int
		text string // as NewReply takes it
	}{
		{"textproto", &textproto.Error{Code: 450, Msg: "4.2.0 Greylisted"}, 450, "4.2.0 Greylisted"},
		{"textproto, many lines", &textproto.Error{Code: 550, Msg: "5.1.1 no\n5.1.1 such user"}, 550, "5.1.1 no\n5.1.1 such user"},
		{"go-smtp", &lookalike{421, "too many connections"}, 421, "too many connections"},
		{"go-smtp without text", &lookalike{550, ""}, 550, ""},
		{"wrapped", fmt.Errorf("x: %w", &lookalike{554, "5.7.1 spam"}), 554, "5.7.1 spam"},
		{"a code alone", textproto.ProtocolError("short response: 250"), 250, ""},
		{"a quoted code alone", textproto.ProtocolError(`short response: "250"`), 250, ""},
		{"a refusal alone", textproto.ProtocolError("short response: 554"), 554, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for stage := StageConnect; stage <= StageUnknown; stage++ {
				got, want := Of(stage, tt.err), Of(stage, NewReply(tt.code, tt.text))
				if got != want {
					t.Errorf("at %v: %+v, want %+v", stage, got, want)
				}
			}
		})
	}
}

func FuzzForeign(f *testing.F) {
	f.Add("SMTP error 421: too busy", "short response: 250")
	f.Fuzz(func(t *testing.T, printed, protocol string) {
		for stage := StageConnect; stage <= StageUnknown; stage++ {
			for _, err := range []error{
				printedError(printed), textproto.ProtocolError(protocol), &textproto.Error{Code: len(printed), Msg: protocol},
			} {
				if v := Of(stage, err); int(v.Class) >= Classes || v.Recipient > RecipientAmbiguous || v.Connection > ConnDrop {
					t.Errorf("%#v at %v: %+v", err, stage, v)
				}
			}
		}
	})
}

type printedError string

func (e printedError) Error() string   { return string(e) }
func (e printedError) Temporary() bool { return true }

// TestReplyOfTheLastRecipient: of several refused recipients the code of a SendError is that
// of the last, and so is the text.
func TestReplyOfTheLastRecipient(t *testing.T) {
	texts := []string{"later"}
	if (&textproto.Error{}).Error() != "000 " { // it has quotes, which tell where a text ends
		texts = append(texts, "later, 450 seconds from now", "\"later\", 450 \"seconds\" from now")
	}
	for _, last := range texts {
		err := sendTo(t, map[string]string{"RCPT": "550 5.1.1 user unknown|450 4.2.0 " + last}, "ann@example.net")
		if got := ReplyIn(err); got == nil || *got != *NewReply(450, "4.2.0 "+last) {
			t.Errorf("%v: got %v, want the second", err, got)
		}
	}
}

// TestRepliesOfRealSendErrors are those of the server, but for a fault within the body, whose
// code may be digits of any text.
func TestRepliesOfRealSendErrors(t *testing.T) {
	for verb, reply := range map[string]string{"MAIL": "550 5.7.1 not from you", "RCPT": "450 4.2.0 later", "DATA": "451 4.3.0 no", ".": "554 5.7.1 \"spam\", says Ö\\"} {
		want, err := ParseReply(reply)
		if err != nil {
			t.Fatal(err)
		}
		if got := ReplyIn(fmt.Errorf("newsletter: %w", sendTo(t, map[string]string{verb: reply}))); got == nil || *got != *want {
			t.Errorf("%s: got %v, want %s", verb, got, reply)
		}
	}
	if got := ReplyIn(sendTo(t, map[string]string{".": ""})); got != nil {
		t.Errorf("without a reply: got %v", got)
	}
	if got := ReplyIn(&mail.SendError{Reason: mail.ErrWriteContent}); got != nil {
		t.Errorf("a fault within the body: got %v", got)
	}
}
