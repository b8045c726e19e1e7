package agent

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"provision/provision/internal/system"
	"provision/provision/pki"
)

// serve signs what other hosts of the cluster ask for: exactly the certificates
// that they have, asked for with the access of their own Node. Everything else
// with our signer's name is refused.
func (r *renewer) serve(ctx context.Context) error {
	client, err := r.masterClient(ctx)
	if err != nil {
		return err
	}
	var list struct {
		Items []csrObject `json:"items"`
	}
	query := url.Values{"fieldSelector": {"spec.signerName=" + signerName}}
	if err := client.do(ctx, "GET", csrPath+"?"+query.Encode(), nil, &list); err != nil {
		return fmt.Errorf("listing what other hosts ask for: %w", err)
	}
	var failures []error
	for _, object := range list.Items {
		if object.Spec.SignerName == signerName && len(object.Status.Certificate) == 0 && !refused(object) {
			failures = append(failures, r.answer(ctx, client, object))
		}
	}
	return errors.Join(failures...)
}

// refused reports whether a master has said no. One that has said yes may have
// died before it signed.
func refused(object csrObject) bool {
	return slices.ContainsFunc(object.Status.Conditions, func(c csrCondition) bool { return c.Type != approved })
}

const approved = "Approved"

func (r *renewer) answer(ctx context.Context, client apiClient, object csrObject) error {
	object.APIVersion, object.Kind = "certificates.k8s.io/v1", "CertificateSigningRequest"
	path := csrPath + "/" + url.PathEscape(object.Metadata.Name)
	request, err := r.judge(object)
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

// issue signs what is approved. When two masters do, the first one's certificate
// stays.
func (r *renewer) issue(ctx context.Context, client apiClient, object csrObject, request system.SignRequest) error {
	signed, err := r.sign(ctx, request)
	if err != nil {
		return err
	}
	object.Status.Certificate = signed.Certificate
	if err := client.do(ctx, "PUT", csrPath+"/"+url.PathEscape(object.Metadata.Name)+"/status", object, nil); err != nil {
		return conflict(err)
	}
	r.say("signed %s of %s", object.Metadata.Name, object.Spec.Username)
	return nil
}

// conflict is nil when another master was faster.
func conflict(err error) error {
	var status *statusError
	if errors.As(err, &status) && status.code == 409 {
		return nil
	}
	return err
}

// judge refuses what is not one of the certificates of the host that asks. Who
// asks is what the API server says, which knows it by its certificate.
func (r *renewer) judge(object csrObject) (system.SignRequest, error) {
	name, isNode := strings.CutPrefix(object.Spec.Username, "system:node:")
	if !isNode || !slices.Contains(object.Spec.Groups, "system:nodes") {
		return system.SignRequest{}, fmt.Errorf("%s is no Node", object.Spec.Username)
	}
	address := r.address(name)
	if address == "" {
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
	request := system.SignRequest{CA: pki.ClusterCA, CSR: block.Bytes, Life: r.config.Life,
		Server: slices.Contains(object.Spec.Usages, "server auth"), Client: slices.Contains(object.Spec.Usages, "client auth")}
	for _, profile := range pki.OfHost(name, address) {
		if profile.Allows(csr, request.Server, request.Client) {
			return request, nil
		}
	}
	return system.SignRequest{}, fmt.Errorf("host %s does not have a certificate of %q like that", name, csr.Subject.CommonName)
}

// address is that of a host of the cluster.
func (r *renewer) address(name string) string {
	if r.state.Roster == nil {
		return ""
	}
	for _, h := range r.state.Roster.Hosts {
		if h.Name == name {
			return h.Address
		}
	}
	return ""
}
