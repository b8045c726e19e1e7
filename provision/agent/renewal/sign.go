package renewal

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"time"

	"provision/provision/internal/system"
	"provision/provision/resource/cert"
)

const csrPath = "/apis/certificates.k8s.io/v1/certificatesigningrequests"

// signTime is how long a request waits: longer than the time between two
// renewals of every host that signs.
const signTime = 65 * time.Minute

// csrObject is a CertificateSigningRequest, as far as it matters.
type csrObject struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name            string `json:"name,omitempty"`
		GenerateName    string `json:"generateName,omitempty"`
		ResourceVersion string `json:"resourceVersion,omitempty"`
		UID             string `json:"uid,omitempty"`
	} `json:"metadata"`
	Spec struct {
		Request    []byte   `json:"request"`
		SignerName string   `json:"signerName"`
		Usages     []string `json:"usages"`
		Username   string   `json:"username,omitempty"`
		Groups     []string `json:"groups,omitempty"`
	} `json:"spec"`
	Status struct {
		Conditions  []csrCondition `json:"conditions,omitempty"`
		Certificate []byte         `json:"certificate,omitempty"`
	} `json:"status,omitzero"`
}

type csrCondition struct {
	Type    string `json:"type"`
	Status  string `json:"status"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// asks is a renewer that has another host sign.
type asks struct{ *renewer }

// Sign implements system.Signer.
func (a asks) Sign(ctx context.Context, request system.SignRequest) ([]byte, error) {
	return a.ask(ctx, request)
}

func (r *renewer) signer(ca string) system.Signer {
	if r.holds(ca) {
		return r
	}
	return asks{r}
}

// ask hands a request to the API with the host's own access, and waits until a
// host that holds the authority's key has signed it.
func (r *renewer) ask(ctx context.Context, request system.SignRequest) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, signTime)
	defer cancel()
	client, err := r.hostClient()
	if err != nil {
		return nil, err
	}
	object := csrObject{APIVersion: "certificates.k8s.io/v1", Kind: "CertificateSigningRequest"}
	object.Metadata.GenerateName = "provision-" + r.config.Host + "-"
	object.Spec.Request = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request.CSR})
	object.Spec.SignerName, object.Spec.Usages = cert.Signer(request.CA), usages(request)
	var made csrObject
	if err := client.do(ctx, "POST", csrPath, object, &made); err != nil {
		return nil, fmt.Errorf("asking the API for a certificate: %w", err)
	}
	r.say("asked for a certificate: %s", made.Metadata.Name)
	query := url.Values{"watch": {"1"}, "fieldSelector": {"metadata.name=" + made.Metadata.Name}}
	for {
		signed, err := r.await(ctx, client, csrPath+"?"+query.Encode())
		if err != nil || signed != nil {
			return signed, err
		}
	}
}

// await follows a request until it is signed or refused; nil when the watch
// ended before.
func (r *renewer) await(ctx context.Context, client apiClient, path string) (signed []byte, err error) {
	refused := error(nil)
	err = client.stream(ctx, path, func(decoder *json.Decoder) bool {
		var event struct {
			Type   string    `json:"type"`
			Object csrObject `json:"object"`
		}
		if decoder.Decode(&event) != nil {
			return false
		}
		if event.Type == "DELETED" || event.Type == "ERROR" {
			refused = errors.New("the request was deleted before it was signed")
		}
		for _, c := range event.Object.Status.Conditions {
			if c.Type == "Denied" || c.Type == "Failed" {
				refused = fmt.Errorf("it was refused: %s", c.Message)
			}
		}
		signed = event.Object.Status.Certificate
		return refused == nil && len(signed) == 0
	})
	if ctx.Err() != nil {
		return nil, fmt.Errorf("nobody signed within %s: does the timer run on the hosts that hold the authority's key? systemctl status provision-renew.timer", signTime)
	}
	if len(signed) == 0 {
		signed = nil
	}
	return signed, errors.Join(err, refused)
}

func usages(request system.SignRequest) []string {
	list := []string{"digital signature"}
	if request.Server {
		list = append(list, "server auth")
	}
	if request.Client {
		list = append(list, "client auth")
	}
	return list
}
