package renewal

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"

	"provision/provision/facts"
	"provision/provision/internal/system"
	"provision/provision/pki"
	"provision/provision/resource/cert"
)

// serve signs what other hosts of the cluster ask an authority for: exactly the
// certificates that they have, asked for with their own access. Everything else
// with the name of its signer is refused.
func (r *renewer) serve(ctx context.Context, ca string) error {
	client, err := r.servant(ctx)
	if err != nil {
		return err
	}
	var list struct {
		Items []csrObject `json:"items"`
	}
	query := url.Values{"fieldSelector": {"spec.signerName=" + cert.Signer(ca)}}
	if err := client.do(ctx, "GET", csrPath+"?"+query.Encode(), nil, &list); err != nil {
		return fmt.Errorf("listing what other hosts ask for: %w", err)
	}
	var failures []error
	for _, object := range list.Items {
		if unsigned(object, ca) {
			failures = append(failures, r.answer(ctx, client, ca, object))
		}
	}
	return errors.Join(failures...)
}

// attend signs what comes while this host waits for others, as long as the API
// tells of it: those may be waiting for this one.
func (r *renewer) attend(ctx context.Context, ca string) {
	client, err := r.servant(ctx)
	if err != nil {
		return // serve has said so
	}
	query := url.Values{"watch": {"1"}, "fieldSelector": {"spec.signerName=" + cert.Signer(ca)}}
	_ = client.stream(ctx, csrPath+"?"+query.Encode(), func(decoder *json.Decoder) bool {
		var event struct{ Object csrObject }
		if decoder.Decode(&event) != nil {
			return false
		}
		if unsigned(event.Object, ca) {
			if err := r.answer(ctx, client, ca, event.Object); err != nil && ctx.Err() == nil {
				r.say("answering %s: %v", event.Object.Metadata.Name, err)
			}
		}
		return true
	})
}

// unsigned reports whether a request waits for a signature of the authority.
func unsigned(object csrObject, ca string) bool {
	return object.Spec.SignerName == cert.Signer(ca) && len(object.Status.Certificate) == 0 && !refused(object)
}

// servant has the access with which requests are answered. Masters give it to
// themselves; other hosts have leave to sign for their authority only.
func (r *renewer) servant(ctx context.Context) (apiClient, error) {
	if r.config.Local != "" {
		return r.masterClient(ctx)
	}
	return r.hostClient()
}

// refused reports whether a signer has said no. One that has said yes may have
// died before it signed.
func refused(object csrObject) bool {
	return slices.ContainsFunc(object.Status.Conditions, func(c csrCondition) bool { return c.Type != approved })
}

const approved = "Approved"

func (r *renewer) answer(ctx context.Context, client apiClient, ca string, object csrObject) error {
	object.APIVersion, object.Kind = "certificates.k8s.io/v1", "CertificateSigningRequest"
	path := csrPath + "/" + url.PathEscape(object.Metadata.Name)
	request, err := r.judge(ca, object)
	if len(object.Status.Conditions) > 0 { // then it cannot be denied any more
		if err != nil {
			r.say("refused to sign %s of %s, although it was approved: %v", object.Metadata.Name, object.Spec.Username, err)
			return nil
		}
		return r.issue(ctx, client, object, request)
	}
	verdict := csrCondition{Type: approved, Status: "True", Reason: "Declared", Message: "it is a certificate that this host has"}
	if err != nil {
		verdict = csrCondition{Type: "Denied", Status: "True", Reason: "NotDeclared", Message: err.Error()}
		r.say("refused to sign %s of %s: %v", object.Metadata.Name, object.Spec.Username, err)
	}
	object.Status.Conditions = []csrCondition{verdict}
	var answered csrObject
	if err := client.do(ctx, "PUT", path+"/approval", object, &answered); err != nil {
		return conflict(err)
	}
	if err != nil {
		return nil
	}
	answered.APIVersion, answered.Kind = object.APIVersion, object.Kind
	return r.issue(ctx, client, answered, request)
}

// issue signs what is approved. When two signers do, the first one's certificate
// stays.
func (r *renewer) issue(ctx context.Context, client apiClient, object csrObject, request system.SignRequest) error {
	signed, err := r.Sign(ctx, request)
	if err != nil {
		return err
	}
	object.Status.Certificate = signed
	if err := client.do(ctx, "PUT", csrPath+"/"+url.PathEscape(object.Metadata.Name)+"/status", object, nil); err != nil {
		return conflict(err)
	}
	r.say("signed %s of %s", object.Metadata.Name, object.Spec.Username)
	return nil
}

// conflict is nil when another signer was faster.
func conflict(err error) error {
	var status *statusError
	if errors.As(err, &status) && status.code == 409 {
		return nil
	}
	return err
}

// judge refuses what is not one of the certificates of the host that asks. Who
// asks is what the API server says, which knows it by its certificate.
func (r *renewer) judge(ca string, object csrObject) (system.SignRequest, error) {
	name, ok := pki.HostOf(object.Spec.Username, object.Spec.Groups)
	if !ok {
		return system.SignRequest{}, fmt.Errorf("%s is no host", object.Spec.Username)
	}
	host, ok := r.listed(name)
	if !ok {
		return system.SignRequest{}, fmt.Errorf("host %s is not on the cluster's roster", name)
	}
	block, rest := pem.Decode(object.Spec.Request)
	if block == nil || block.Type != "CERTIFICATE REQUEST" || len(rest) > 0 {
		return system.SignRequest{}, errors.New("it is not one request")
	}
	csr, err := x509.ParseCertificateRequest(block.Bytes)
	if err == nil {
		err = csr.CheckSignature()
	}
	if err != nil {
		return system.SignRequest{}, errors.New("the request is damaged")
	}
	request := system.SignRequest{CA: ca, CSR: block.Bytes, Life: r.config.Life,
		Server: slices.Contains(object.Spec.Usages, "server auth"), Client: slices.Contains(object.Spec.Usages, "client auth")}
	ask, err := pki.AskOf(ca, csr, request.Server, request.Client)
	if err != nil || !slices.Contains(host.Certs, ask.Digest()) {
		return system.SignRequest{}, fmt.Errorf("host %s does not have a certificate of %q like that", name, csr.Subject.CommonName)
	}
	return request, nil
}

// listed is a host of the cluster.
func (r *renewer) listed(name string) (facts.RosterHost, bool) {
	if r.state.Roster == nil {
		return facts.RosterHost{}, false
	}
	at := slices.IndexFunc(r.state.Roster.Hosts, func(h facts.RosterHost) bool { return h.Name == name })
	if at < 0 {
		return facts.RosterHost{}, false
	}
	return r.state.Roster.Hosts[at], true
}
