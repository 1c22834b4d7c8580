package preflight

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/smtpace/smtpace"
	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/pool"
)

// relayTimeout bounds the session with the relay.
const relayTimeout = 40 * time.Second

// certificateReserve is the time before its end at which a certificate should have been
// renewed. One that was made for a short time has a fourth of that.
const certificateReserve = 14 * 24 * time.Hour

// relayFacts is the findings of a session with the relay.
type relayFacts struct {
	err       error
	stage     classify.Stage // of err
	reply     *classify.Reply
	encrypted bool
	version   uint16
	leaf      *x509.Certificate // nil if none was seen
}

// past reports whether the session went beyond a stage.
func (f relayFacts) past(stage classify.Stage) bool { return f.err == nil || f.stage > stage }

// verifyRelay connects to the relay, logs in and goes as far as MAIL. No mail is sent.
func (r *run) verifyRelay(ctx context.Context) (f relayFacts) {
	ctx, cancel := context.WithTimeout(ctx, relayTimeout)
	defer cancel()
	relay := *r.Relay
	config := &tls.Config{}
	if relay.TLSConfig != nil {
		config = relay.TLSConfig.Clone()
	}
	var mu sync.Mutex // guards f until the Sender is closed
	own := config.VerifyConnection
	config.VerifyConnection = func(state tls.ConnectionState) error {
		mu.Lock()
		f.encrypted, f.version, f.leaf = true, state.Version, state.PeerCertificates[0]
		mu.Unlock()
		if own != nil {
			return own(state)
		}
		return nil
	}
	relay.TLSConfig = config
	sender, err := smtpace.New(smtpace.Config{Relays: []smtpace.Relay{relay}, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.err = err
		return f
	}
	var senders []string
	if r.mailFrom != "" {
		senders = []string{r.mailFrom}
	}
	err = sender.Verify(ctx, senders...)
	sender.Close()
	mu.Lock()
	defer mu.Unlock()
	f.err = err
	if fault, ok := errors.AsType[*pool.Error](err); ok {
		f.stage = fault.Stage
	}
	f.reply, _ = errors.AsType[*classify.Reply](err)
	if wrong, ok := errors.AsType[*tls.CertificateVerificationError](err); ok && len(wrong.UnverifiedCertificates) > 0 {
		f.leaf = wrong.UnverifiedCertificates[0]
	}
	return f
}

// isCertificate reports whether the session ended because of the certificate.
func (f relayFacts) isCertificate() bool {
	_, wrong := errors.AsType[*tls.CertificateVerificationError](f.err)
	return wrong
}

// checkRelay looks at each step of a session with the relay.
func checkRelay(ctx context.Context, r *run) []Finding {
	f := r.verifyRelay(ctx)
	return []Finding{r.connectFinding(ctx, f), r.startTLSFinding(f), r.certificateFinding(f), r.loginFinding(f), r.senderFinding(f)}
}

// connectFinding looks whether the relay could be reached.
func (r *run) connectFinding(ctx context.Context, f relayFacts) Finding {
	out := finding("relay.connect", r.Relay.Addr)
	dns, _ := errors.AsType[*net.DNSError](f.err)
	switch {
	case f.past(classify.StageEHLO) || f.isCertificate() || f.encrypted:
		return out.is(OK, "it answers")
	case ctx.Err() != nil:
		return out.is(Unknown, "the check was cut off: %s", cause(f.err))
	case errors.Is(f.err, syscall.ENETUNREACH):
		return out.is(Unknown, "this machine has no network that leads there: %s", cause(f.err))
	case dns != nil && !dns.IsNotFound, f.reply != nil && f.reply.Code < 500:
		return out.is(Unknown, "it does not answer at present: %s", cause(f.err))
	}
	return out.is(Fail, "%s", cause(f.err)).mend("Look at the name and the port of the relay, and whether the network lets connections through; 587 and 465 are the ports for those who log in.")
}

// startTLSFinding looks at the encryption.
func (r *run) startTLSFinding(f relayFacts) Finding {
	out := finding("relay.starttls", r.Relay.Addr)
	fix := "Use a relay that offers STARTTLS on port 587, or TLS on port 465."
	switch {
	case f.encrypted:
		return out.is(OK, "%s", tls.VersionName(f.version))
	case f.isCertificate():
		return out.is(OK, "it is offered")
	case errors.Is(f.err, pool.ErrNoTLS):
		return out.is(Fail, "STARTTLS is not offered: %s", cause(f.err)).mend("%s", fix)
	case !f.past(classify.StageEHLO):
		return out.is(Unknown, "the relay could not be asked")
	case f.stage == classify.StageStartTLS:
		return out.is(Fail, "it fails: %s", cause(f.err)).mend("%s", fix)
	case r.isLocal():
		return out.is(OK, "none, to a relay on this machine")
	}
	return out.is(Warn, "the connection is in clear text: whoever is on the way can read mail and logins").mend("%s", fix)
}

// isLocal reports whether the relay is on this machine.
func (r *run) isLocal() bool {
	host := r.relayHost()
	a, err := netip.ParseAddr(host)
	return strings.HasPrefix(r.Relay.Addr, "unix:") || host == "localhost" || err == nil && a.IsLoopback()
}

// certificateFinding looks at the certificate and its dates.
func (r *run) certificateFinding(f relayFacts) Finding {
	out := finding("relay.certificate", r.Relay.Addr)
	switch {
	case f.isCertificate():
		return out.is(Fail, "%s", cause(f.err)).mend("Let the operator of the relay renew the certificate, or name the relay as its certificate does.")
	case f.leaf == nil:
		return out.is(Unknown, "no certificate was seen")
	}
	left := f.leaf.NotAfter.Sub(r.now)
	reserve := min(certificateReserve, f.leaf.NotAfter.Sub(f.leaf.NotBefore)/4)
	end := f.leaf.NotAfter.UTC().Format("2006-01-02 15:04 UTC")
	if left < reserve {
		return out.is(Warn, "it ends soon, %s", end).mend("See that it is renewed; after that no mail goes out.")
	}
	return out.is(OK, "valid until %s", end)
}

// loginFinding looks at the login.
func (r *run) loginFinding(f relayFacts) Finding {
	out := finding("relay.login", r.Relay.Addr)
	logs := r.Relay.Credentials != nil || r.Relay.SASL != nil
	wants := f.reply != nil && f.stage == classify.StageMail && classify.Of(f.stage, f.reply).Class == classify.ClassSMTPAuth
	switch {
	case wants && !logs:
		return out.is(Fail, "it wants a login: %s", cause(f.err)).mend("Give a name and a password.")
	case errors.Is(f.err, pool.ErrNoAuth):
		return out.is(Fail, "it offers no login: %s", cause(f.err)).mend("Use the port for those who log in, 587 or 465, and TLS.")
	case errors.Is(f.err, pool.ErrCredentials):
		return out.is(Fail, "it cannot be sent: %s", cause(f.err)).mend("Look at the name and the password.")
	case f.stage == classify.StageAuth && f.err != nil && f.reply != nil && f.reply.Code >= 500:
		return out.is(Fail, "it is refused: %s", cause(f.err)).mend("Look at the name and the password.")
	case !f.past(classify.StageAuth):
		return out.is(Unknown, "it did not come to that")
	case !logs:
		return out.is(OK, "none is set, and the relay asks for none")
	case !f.encrypted && !r.isLocal():
		return out.is(Warn, "it works, but in clear text: whoever is on the way learns the password").mend("Use TLS.")
	}
	return out.is(OK, "it works")
}

// senderFinding looks at the answer to MAIL.
func (r *run) senderFinding(f relayFacts) Finding {
	out := finding("relay.sender", r.mailFrom)
	switch {
	case r.mailFrom == "":
		return out.is(Unknown, "no address is named")
	case f.err == nil:
		return out.is(OK, "it is accepted")
	case f.stage == classify.StageMail && f.reply != nil && f.reply.Code >= 500:
		return out.is(Fail, "it is refused: %s", cause(f.err)).mend("Use a sender that belongs to the account, or let the operator of the relay allow this one.")
	}
	return out.is(Unknown, "it did not come to that")
}
