package routes

import (
	"crypto/x509"
	"encoding/pem"
)

// marshalKey is the server's key, which serves as the client's, too.
func marshalKey(api *fakeAPI) ([]byte, error) {
	raw, err := x509.MarshalPKCS8PrivateKey(api.TLS.Certificates[0].PrivateKey)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw}), err
}
