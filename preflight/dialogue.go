package preflight

import (
	"context"
	"errors"
	"io"
	"net"
	"net/smtp"
	"net/textproto"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// Bounds of a dialogue with a server, whatever it says.
const (
	dialogueTimeout = 20 * time.Second
	maxDialogue     = 64 << 10 // octets that are read
)

// boundedConn is a connection of which only so much is read.
type boundedConn struct {
	net.Conn
	left io.Reader
}

func (c boundedConn) Read(p []byte) (int, error) { return c.left.Read(p) }

// talk connects to a host and calls f with a session, after the banner. The connection
// ends with ctx.
func (r *run) talk(ctx context.Context, host string, f func(*smtp.Client) error) error {
	ctx, cancel := context.WithTimeout(ctx, dialogueTimeout)
	defer cancel()
	conn, err := r.options.DialContext(ctx, "tcp", net.JoinHostPort(host, "25"))
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })()
	session, err := smtp.NewClient(boundedConn{conn, io.LimitReader(conn, maxDialogue)}, host)
	if err != nil {
		return err
	}
	if err := f(session); err != nil {
		return err
	}
	session.Quit() // nothing depends on its reply
	return nil
}

// replyOf returns the reply in an error of a session.
func replyOf(err error) (*classify.Reply, bool) {
	protocol, ok := errors.AsType[*textproto.Error](err)
	if !ok {
		return nil, false
	}
	return classify.NewReply(protocol.Code, protocol.Msg), true
}

// greeting returns a name to greet servers with.
func (r *run) greeting() string {
	if r.HELO != "" && isHostName(r.HELO) {
		return r.HELO
	}
	return r.domain
}

// maxTried is the number of MX hosts that are tried until one speaks.
const maxTried = 3

// checkMailboxes asks an MX host of the envelope sender's domain whether it takes mail
// for postmaster and abuse. It sends none.
func checkMailboxes(ctx context.Context, r *run) []Finding {
	f := r.findMX(ctx, r.mailDomain)
	err := f.err
	if err == nil && len(f.hosts) == 0 {
		err = errors.New("the domain takes no mail")
	}
	names := []string{"postmaster", "abuse"}
	answers := make([]error, len(names))
	for _, host := range f.hosts[:min(len(f.hosts), maxTried)] {
		err = r.talk(ctx, host, func(s *smtp.Client) error {
			if err := s.Hello(r.greeting()); err != nil {
				return err
			}
			if err := s.Mail(""); err != nil {
				return err
			}
			for i, name := range names {
				answers[i] = s.Rcpt(name + "@" + r.mailDomain)
			}
			return s.Reset()
		})
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	var found []Finding
	for i, name := range names {
		found = append(found, r.mailboxFinding(name, err, answers[i]))
	}
	return found
}

// mailboxFinding judges the answer for one mailbox; failed is the end of the session
// before an answer.
func (r *run) mailboxFinding(name string, failed, answer error) Finding {
	out := finding("domain."+name, name+"@"+r.mailDomain)
	if answer == nil && failed == nil {
		return out.is(OK, "the domain takes mail for it")
	}
	if answer == nil {
		return out.is(Unknown, "no MX host could be asked: %s", cause(failed))
	}
	reply, ok := replyOf(answer)
	if !ok || classify.Of(classify.StageRcpt, reply).Recipient != classify.RecipientRefused {
		return out.is(Unknown, "the host did not say: %s", cause(answer))
	}
	level := Fail
	if name == "abuse" {
		level = Warn
	}
	return out.is(level, "it is refused: %s", cause(reply)).mend("Make %s@%s a mailbox, or an alias of one that somebody reads.", name, r.mailDomain)
}

// checkPort25 connects to receivers, to see whether the way to them is open. It sends
// no mail.
func checkPort25(ctx context.Context, r *run) []Finding {
	out := finding("port25", "")
	var open, refused, closed, trouble []string
	for _, domain := range r.options.Receivers {
		f := r.findMX(ctx, domain)
		if f.err != nil || len(f.hosts) == 0 {
			trouble = append(trouble, domain)
			continue
		}
		host := f.hosts[0]
		err := r.talk(ctx, host, func(*smtp.Client) error { return nil })
		_, answered := replyOf(err)
		dns, _ := errors.AsType[*net.DNSError](err)
		switch {
		case err == nil:
			open = append(open, host)
		case answered:
			refused = append(refused, host+" ("+cause(err)+")")
		case dns != nil || ctx.Err() != nil:
			trouble = append(trouble, host+" ("+cause(err)+")")
		default:
			closed = append(closed, host+" ("+cause(err)+")")
		}
	}
	ask := "Ask whoever runs the network to open port 25 outwards, or send through a relay on port 587 or 465."
	switch {
	case len(refused) > 0:
		out = out.is(Warn, "a receiver refuses connections from here: %s", list(refused)).mend("Look at the findings about block lists and PTR, and ask the receiver.")
	case len(open) > 0 && len(closed) > 0:
		out = out.is(Warn, "%s can be reached, but not %s", list(open), list(closed)).mend("Look whether the network lets both IPv4 and IPv6 through.")
	case len(open) > 0:
		out = out.is(OK, "%s can be reached", list(open))
	case len(closed) > 0:
		out = out.is(Fail, "no receiver can be reached on port 25, which many hosts block: %s", list(closed)).mend("%s", ask)
	default:
		out = out.is(Unknown, "no receiver could be asked: %s", list(trouble))
	}
	return []Finding{out}
}
