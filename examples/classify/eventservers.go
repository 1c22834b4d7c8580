package main

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/smtpace/smtpace/classify"
)

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
