package cluster

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// className is the storage class of the volumes that are made here.
const className = "douyin-test"

// storageClass returns the class for the stores' volumes: the cluster's default,
// or one of directories on a node where there is none.
func (k *kube) storageClass(ctx context.Context) (string, error) {
	out, err := output(ctx, "", "kubectl", "get", "storageclass", "-o",
		`jsonpath={.items[?(@.metadata.annotations.storageclass\.kubernetes\.io/is-default-class=="true")].metadata.name}`)
	if err != nil {
		return "", err
	}
	if strings.TrimSpace(out) != "" {
		return "", nil // what a claim without a class gets
	}
	return className, k.makeVolumes(ctx)
}

// makeVolumes offers a directory of a node to each store. A pod makes them:
// this program may run elsewhere. Directories of an earlier run are emptied.
func (k *kube) makeVolumes(ctx context.Context) error {
	node, err := output(ctx, "", "kubectl", "get", "nodes", "-o", "jsonpath={.items[0].metadata.name}")
	if err != nil {
		return err
	}
	if _, err := output(ctx, "", "kubectl", "delete", "--ignore-not-found", "--wait", "--timeout=60s", "pv", "--selector", "douyin.dev/volumes="+k.namespace); err != nil {
		return err
	}
	helper := k.namespace + "-volumes"
	if err := k.apply(ctx, volumes(k.namespace, helper, strings.TrimSpace(node))); err != nil {
		return err
	}
	if _, err := output(ctx, "", "kubectl", "--namespace", helper, "wait", "pod/make", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=60s"); err != nil {
		return err
	}
	return k.deleteNamespace(ctx, helper)
}

func (k *kube) deleteNamespace(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	_, err := output(ctx, "", "kubectl", "delete", "namespace", name, "--ignore-not-found", "--wait")
	return err
}

// volumes are a storage class without a provisioner, a volume for each store,
// and the pod that makes their directories, which may do more than ours may.
func volumes(namespace, helper, node string) string {
	root := "/var/tmp/" + namespace
	var b strings.Builder
	fmt.Fprintf(&b, `apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: %s}
provisioner: kubernetes.io/no-provisioner
volumeBindingMode: WaitForFirstConsumer
---
apiVersion: v1
kind: Namespace
metadata:
  name: %s
  labels: {pod-security.kubernetes.io/enforce: privileged}
---
apiVersion: v1
kind: Pod
metadata: {name: make, namespace: %[2]s}
spec:
  restartPolicy: Never
  nodeName: %s
  containers:
    - name: make
      image: localhost/douyin/redis:dev
      imagePullPolicy: IfNotPresent
      command: [sh, -c, "cd /root-of-volumes && rm -rf 1 2 3 4 && mkdir 1 2 3 4 && chmod 777 1 2 3 4"]
      securityContext: {runAsUser: 0}
      volumeMounts: [{name: root, mountPath: /root-of-volumes}]
  volumes:
    - {name: root, hostPath: {path: %s, type: DirectoryOrCreate}}
`, className, helper, node, root)
	for i := range len(stores) {
		fmt.Fprintf(&b, `---
apiVersion: v1
kind: PersistentVolume
metadata:
  name: %[1]s-%[2]d
  labels: {douyin.dev/volumes: %[1]s}
spec:
  storageClassName: %[3]s
  capacity: {storage: 10Gi}
  accessModes: [ReadWriteOnce]
  persistentVolumeReclaimPolicy: Retain
  local: {path: %[4]s/%[2]d}
  nodeAffinity:
    required:
      nodeSelectorTerms:
        - matchExpressions:
            - {key: kubernetes.io/hostname, operator: In, values: [%[5]s]}
`, namespace, i+1, className, root, node)
	}
	return b.String()
}
