package main

import (
	"strings"

	"github.com/smtpace/smtpace/classify"
)

// haraka reads what Haraka's outbound says:
//
//	2026-11-23T10:11:12.345Z [NOTICE] [4B2C.1.1] [outbound] delivered file=.. domain=example.net host=mx.example.net
//	ip=192.0.2.1 port=25 mode=SMTP tls=Y auth=N response="2.0.0 Ok: queued" delay=0.5 fails=0 rcpts=1/0/0
//	2026-11-23T10:11:12.345Z [NOTICE] [4B2C.1.1] [outbound] recipient <ann@example.net> deferred: 450 4.2.1 text
//	2026-11-23T10:11:12.345Z [INFO] [4B2C.1.1] [outbound] Temp failing FILE for 64 seconds: Upstream error: 421 text
//
// Which server it was stands in other lines of the same message.
type haraka struct {
	routes map[string]harakaRoute // by the message's id
}

type harakaRoute struct{ domain, host string }

var harakaLevels = map[string]bool{
	"DATA": true, "PROTOCOL": true, "DEBUG": true, "INFO": true, "NOTICE": true,
	"WARN": true, "ERROR": true, "CRIT": true, "ALERT": true, "EMERG": true,
}

func (h *haraka) parse(e *entry, to []answer) ([]answer, string) {
	rest := e.text
	if !strings.HasPrefix(rest, "[") {
		if rest = e.rest; !strings.HasPrefix(rest, "[") {
			return to, ""
		}
	}
	level, rest, ok1 := strings.Cut(rest[1:], "] [")
	id, rest, ok2 := strings.Cut(rest, "] [")
	plugin, text, ok3 := strings.Cut(rest, "]")
	if !ok1 || !ok2 || !ok3 || !harakaLevels[level] {
		return to, ""
	}
	if plugin != "outbound" && !strings.HasPrefix(plugin, "outbound/") {
		return to, "[" + plugin + "]"
	}
	a := answer{time: e.time, stage: classify.StageUnknown, id: id}
	text = strings.TrimLeft(text, " ")
	route := h.routes[id]
	switch {
	case strings.HasPrefix(text, "delivered "):
		return a.harakaDelivered(text, to)
	case strings.HasPrefix(text, "recipient "):
		return a.harakaRecipient(text[len("recipient "):], route, to)
	case strings.HasPrefix(text, "Temp failing "):
		_, why, _ := strings.Cut(text, " seconds: ")
		return a.harakaFailed(why, route, false, to)
	case strings.HasPrefix(text, "bouncing mail: "):
		return a.harakaFailed(text[len("bouncing mail: "):], route, true, to)
	}
	h.learn(id, text)
	return to, "[outbound] without an answer"
}

// learn takes the server out of "Attempting to deliver to: mx.example.net:25 ...", and
// the domain out of RCPT, where the log has the protocol.
func (h *haraka) learn(id, text string) {
	if h.routes == nil || len(h.routes) >= maxUnderWay {
		h.routes = map[string]harakaRoute{}
	}
	route := h.routes[id]
	if target, found := strings.CutPrefix(text, "Attempting to deliver to: "); found {
		target, _, _ = strings.Cut(target, " ")
		host, _, _ := strings.Cut(target, ":")
		route.host = lower(strings.Clone(host))
	} else if address, found := strings.CutPrefix(text, "C: RCPT TO:"); found {
		route.domain = strings.Clone(domainOf(address))
	} else if domain, found := strings.CutPrefix(text, "Attempting MX lookup for domain: "); found {
		route.domain = lower(strings.Clone(strings.TrimSpace(domain)))
	} else {
		return
	}
	h.routes[strings.Clone(id)] = route
}

// harakaDelivered reads the pairs behind "delivered".
func (a answer) harakaDelivered(text string, to []answer) ([]answer, string) {
	a.stage = classify.StageDot
	a.domain = lower(unquoted(text, "domain"))
	a.host = lower(unquoted(text, "host"))
	if strings.HasPrefix(unquoted(text, "mode"), "LMTP") || isLoopback(a.host) {
		return to, "deliveries to a server on this machine"
	}
	a.take("250 " + strings.ReplaceAll(unquoted(text, "response"), "\n", " "))
	a.own, a.err = false, accepted
	return append(to, a), ""
}

// unquoted returns the value of ` name=value` or ` name="value"`.
func unquoted(text, name string) string {
	if value, found := quotedField(text, name); found {
		return value
	}
	return bareField(text, name)
}

// harakaRecipient reads "<ann@example.net> deferred: 450 4.2.1 text".
func (a answer) harakaRecipient(text string, route harakaRoute, to []answer) ([]answer, string) {
	address, said, found := strings.Cut(text, " ")
	if !found {
		return to, "lines that are cut short"
	}
	_, reply, found := strings.Cut(said, ": ")
	if !found {
		return to, "lines that are cut short"
	}
	a.recipient = strings.Trim(address, "<>")
	a.domain, a.host, a.stage = domainOf(a.recipient), route.host, classify.StageRcpt
	a.take(reply)
	return append(to, a), ""
}

// harakaFailed reads why all of a message failed. The recipients that it names have
// lines of their own.
func (a answer) harakaFailed(why string, route harakaRoute, refused bool, to []answer) ([]answer, string) {
	why = strings.TrimPrefix(why, "Error: ")
	if strings.HasPrefix(why, "Some recipients") || strings.HasPrefix(why, "Too many failures") {
		return to, "outcomes whose answers stand in other lines"
	}
	a.domain, a.host = route.domain, route.host
	if reply, ok := replyAfter(why); ok && strings.HasPrefix(why, "Upstream error") {
		a.take(reply)
		return append(to, a), ""
	}
	if strings.HasPrefix(why, "Tried all MXs") || strings.Contains(why, "MX") {
		a.stage = classify.StageConnect
	}
	a.decide(why)
	if a.class == classify.ClassUnknown && a.stage == classify.StageConnect && !judgedByError(a.err) {
		a.class = classify.ClassNetwork
	}
	a.refine("", refused)
	return append(to, a), ""
}
