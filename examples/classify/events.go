package main

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/smtpace/smtpace/classify"
)

// events reads the events of KumoMTA, Amazon SES, SendGrid, Mailgun and Postmark, as their
// logs and webhooks have them: one JSON object or a list of them on a line.
type events struct{}

// eventReaders read one object each. They return false for that of another service.
var eventReaders = []func(data []byte, to []answer) ([]answer, string, bool){kumoEvent, sesEvent, mailgunEvent, postmarkEvent, sendgridEvent}

func (events) parse(e *entry, to []answer) ([]answer, string) {
	line := strings.TrimSpace(e.line)
	if !strings.HasPrefix(line, "{") && !strings.HasPrefix(line, "[{") {
		return to, ""
	}
	list := []json.RawMessage{json.RawMessage(line)}
	if line[0] == '[' && json.Unmarshal([]byte(line), &list) != nil {
		return to, ""
	}
	before, kind := len(to), ""
	for _, data := range list {
		answers, one, known := readEvent(unwrapped(data), to)
		if !known {
			return to[:before], ""
		}
		to, kind = answers, one
	}
	return to, kind
}

// readEvent reads one object; it returns false for one of no service.
func readEvent(data []byte, to []answer) ([]answer, string, bool) {
	for _, read := range eventReaders {
		if answers, kind, known := read(data, to); known {
			return answers, kind, true
		}
	}
	return to, "", false
}

// unwrapped returns the message of a notification of Amazon SNS, and the event-data of a
// webhook of Mailgun.
func unwrapped(data json.RawMessage) []byte {
	var outer struct {
		Message json.RawMessage `json:"Message"`
		Data    json.RawMessage `json:"event-data"`
	}
	if json.Unmarshal(data, &outer) != nil {
		return data
	}
	var message string
	switch {
	case len(outer.Data) > 0:
		return outer.Data
	case json.Unmarshal(outer.Message, &message) == nil && strings.HasPrefix(message, "{"):
		return []byte(message)
	}
	return data
}

// kumoEvent reads a log record of KumoMTA.
func kumoEvent(data []byte, to []answer) ([]answer, string, bool) {
	var r struct {
		Type      string          `json:"type"`
		ID        string          `json:"id"`
		Queue     *string         `json:"queue"`
		Recipient json.RawMessage `json:"recipient"`
		Time      json.RawMessage `json:"timestamp"`
		Response  struct {
			Code     int `json:"code"`
			Enhanced *struct {
				Class   int `json:"class"`
				Subject int `json:"subject"`
				Detail  int `json:"detail"`
			} `json:"enhanced_code"`
			Content string `json:"content"`
			Command string `json:"command"`
		} `json:"response"`
		Peer *struct {
			Name string `json:"name"`
			Addr string `json:"addr"`
		} `json:"peer_address"`
		Source *struct {
			Address string `json:"address"`
		} `json:"source_address"`
	}
	if json.Unmarshal(data, &r) != nil || r.Type == "" || r.Queue == nil {
		return to, "", false
	}
	if r.Type != "Delivery" && r.Type != "TransientFailure" && r.Type != "Bounce" {
		return to, r.Type + " events", true
	}
	a := answer{stage: stageIn(r.Response.Command), id: r.ID, time: eventTime(r.Time)}
	if r.Peer != nil {
		a.host = lower(strings.TrimSuffix(r.Peer.Name, "."))
	}
	if r.Source != nil {
		a.source, _, _ = strings.Cut(r.Source.Address, ":")
	}
	text := r.Response.Content
	if e := r.Response.Enhanced; e != nil {
		text = strconv.Itoa(e.Class) + "." + strconv.Itoa(e.Subject) + "." + strconv.Itoa(e.Detail) + " " + text
	}
	for i, address := range oneOrMore(r.Recipient) {
		one := a
		one.again = i > 0
		one.event(address, strconv.Itoa(r.Response.Code)+" "+text, r.Type == "Delivery", r.Type == "Bounce")
		if r.Peer == nil && one.err != accepted { // no server has said so
			one.decide(text)
			one.refine("", r.Type == "Bounce")
		}
		to = append(to, one)
	}
	return to, "", true
}

// sesEvent reads an event of Amazon SES, of event publishing or of a notification.
func sesEvent(data []byte, to []answer) ([]answer, string, bool) {
	type recipient struct {
		Address string `json:"emailAddress"`
		Text    string `json:"diagnosticCode"`
	}
	var r struct {
		Type  string `json:"eventType"`
		Type2 string `json:"notificationType"`
		Mail  struct {
			ID     string `json:"messageId"`
			Source string `json:"sourceIp"`
		} `json:"mail"`
		Bounce struct {
			Kind       string          `json:"bounceType"`
			Recipients []recipient     `json:"bouncedRecipients"`
			Time       json.RawMessage `json:"timestamp"`
		} `json:"bounce"`
		Delay struct {
			Recipients []recipient     `json:"delayedRecipients"`
			Time       json.RawMessage `json:"timestamp"`
		} `json:"deliveryDelay"`
		Delivery struct {
			Recipients []string        `json:"recipients"`
			Time       json.RawMessage `json:"timestamp"`
			Response   string          `json:"smtpResponse"`
			IP         string          `json:"remoteMtaIp"`
		} `json:"delivery"`
	}
	if json.Unmarshal(data, &r) != nil || r.Type == "" && r.Type2 == "" {
		return to, "", false
	}
	kind := r.Type + r.Type2
	add := func(list []recipient, at json.RawMessage, refused bool) {
		for _, one := range list {
			if one.Text == "" { // on the suppression list: nobody was asked
				continue
			}
			a := answer{stage: classify.StageUnknown, id: r.Mail.ID, time: eventTime(at)}
			a.event(one.Address, one.Text, false, refused)
			to = append(to, a)
		}
	}
	before := len(to)
	switch kind {
	case "Bounce":
		add(r.Bounce.Recipients, r.Bounce.Time, r.Bounce.Kind == "Permanent")
	case "DeliveryDelay":
		add(r.Delay.Recipients, r.Delay.Time, false)
	case "Delivery":
		for i, address := range r.Delivery.Recipients {
			a := answer{id: r.Mail.ID, time: eventTime(r.Delivery.Time), again: i > 0}
			a.event(address, r.Delivery.Response, true, false)
			to = append(to, a)
		}
	}
	if len(to) == before {
		return to, kind + " events without a reply", true
	}
	return to, kind + " events", true
}

// mailgunEvent reads an event of Mailgun.
func mailgunEvent(data []byte, to []answer) ([]answer, string, bool) {
	var r struct {
		Event     string          `json:"event"`
		ID        string          `json:"id"`
		Recipient string          `json:"recipient"`
		Severity  string          `json:"severity"`
		Reason    string          `json:"reason"`
		Time      json.RawMessage `json:"timestamp"`
		Status    *struct {
			Code        int    `json:"code"`
			Message     string `json:"message"`
			Description string `json:"description"`
			Host        string `json:"mx-host"`
		} `json:"delivery-status"`
	}
	if json.Unmarshal(data, &r) != nil || r.Event == "" || r.Recipient == "" || r.Status == nil {
		return to, "", false
	}
	if r.Event != "delivered" && r.Event != "failed" || strings.HasPrefix(r.Reason, "suppress-") {
		return to, r.Event + " events without a reply", true
	}
	a := answer{stage: classify.StageUnknown, id: r.ID, host: lower(r.Status.Host), time: eventTime(r.Time)}
	text := r.Status.Message
	if text == "" {
		text = r.Status.Description
	}
	if r.Status.Host == "" && r.Event == "failed" { // the codes 498 and 6yz are Mailgun's own
		a.recipient, a.domain = r.Recipient, domainOf(r.Recipient)
		a.decide(text)
		a.refine("", r.Severity == "permanent")
		return append(to, a), "", true
	}
	a.event(r.Recipient, strconv.Itoa(r.Status.Code)+" "+text, r.Event == "delivered", r.Severity == "permanent")
	return append(to, a), "", true
}

// postmarkEvent reads a webhook of Postmark.
func postmarkEvent(data []byte, to []answer) ([]answer, string, bool) {
	var r struct {
		Record    string          `json:"RecordType"`
		ID        string          `json:"MessageID"`
		Kind      string          `json:"Type"`
		Email     string          `json:"Email"`
		Recipient string          `json:"Recipient"`
		Details   string          `json:"Details"`
		Bounced   json.RawMessage `json:"BouncedAt"`
		Delivered json.RawMessage `json:"DeliveredAt"`
	}
	if json.Unmarshal(data, &r) != nil || r.Record == "" {
		return to, "", false
	}
	a := answer{stage: classify.StageUnknown, id: r.ID, time: eventTime(r.Bounced)}
	switch {
	case r.Record == "Delivery":
		a.time = eventTime(r.Delivered)
		a.event(r.Recipient, r.Details, true, false)
	case r.Record == "Bounce" && r.Details != "":
		a.event(r.Email, r.Details, false, r.Kind == "HardBounce")
	default:
		return to, r.Record + " events without a reply", true
	}
	return append(to, a), "", true
}

// sendgridEvent reads an event of SendGrid's webhook.
func sendgridEvent(data []byte, to []answer) ([]answer, string, bool) {
	var r struct {
		Event    string          `json:"event"`
		Email    string          `json:"email"`
		ID       string          `json:"sg_message_id"`
		Time     json.RawMessage `json:"timestamp"`
		Response string          `json:"response"`
		Reason   string          `json:"reason"`
		Source   string          `json:"ip"`
	}
	if json.Unmarshal(data, &r) != nil || r.Event == "" || r.Email == "" {
		return to, "", false
	}
	text := r.Response + r.Reason // there is one of them
	if r.Event != "delivered" && r.Event != "deferred" && r.Event != "bounce" && r.Event != "blocked" || text == "" && r.Event != "delivered" {
		return to, r.Event + " events", true
	}
	a := answer{stage: classify.StageUnknown, id: r.ID, time: eventTime(r.Time), source: r.Source}
	a.event(r.Email, text, r.Event == "delivered", r.Event == "bounce")
	return append(to, a), "", true
}

// event notes what an event says of a recipient: a reply, behind "smtp;" or not, or what the
// service has met itself.
func (a *answer) event(address, text string, delivered, refused bool) {
	a.recipient, a.domain = address, domainOf(address)
	text = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), "smtp;"))
	if delivered {
		a.text, a.err, a.stage = text, accepted, classify.StageDot
		return
	}
	a.take(text)
	if failed := failureIn(text, strings.ToLower(text)); a.own || judgedByError(failed) && classify.Of(a.stage, a.err).Class == classify.ClassNetwork {
		a.decide(text)
		a.refine("", refused)
	}
}

// eventTime reads seconds since 1970 or RFC 3339; zero for neither.
func eventTime(data json.RawMessage) time.Time {
	text := strings.Trim(string(data), `"`)
	if t, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return t.UTC()
	}
	whole, part, _ := strings.Cut(text, ".")
	seconds, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || seconds <= 0 || seconds > 1<<36 {
		return time.Time{}
	}
	nanos, _ := strconv.ParseInt((part + "000000000")[:9], 10, 64) // digits or nothing
	return time.Unix(seconds, nanos).UTC()
}

// oneOrMore reads a string or a list of them.
func oneOrMore(data json.RawMessage) (list []string) {
	var one string
	if json.Unmarshal(data, &one) == nil {
		return []string{one}
	}
	if json.Unmarshal(data, &list) != nil {
		return nil
	}
	return list
}
