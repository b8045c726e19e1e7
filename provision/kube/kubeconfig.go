package kube

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"provision/provision/secret"
)

// Kubeconfig writes a kubeconfig with everything inside, under the context of
// the cluster's name. Server is a URL; serverName may be "" when the URL's host
// is in the certificate (it is not for a tunnel on loopback).
func Kubeconfig(cluster, server, serverName string, ca, cert []byte, key secret.Value) ([]byte, error) {
	config := clientcmdapi.NewConfig()
	user := "provision@" + cluster
	config.Clusters[cluster] = &clientcmdapi.Cluster{Server: server, TLSServerName: serverName, CertificateAuthorityData: ca}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: cert, ClientKeyData: key.Bytes()}
	config.Contexts[cluster] = &clientcmdapi.Context{Cluster: cluster, AuthInfo: user}
	config.CurrentContext = cluster
	raw, err := clientcmd.Write(*config)
	if err != nil {
		return nil, fmt.Errorf("writing kubeconfig: %w", err)
	}
	return raw, nil
}
