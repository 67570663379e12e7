//! nginx with TLS in front of API processes, and a load generator.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;
use testkit::wait::eventually;

use super::process::free_port;

/// The programs that these tests need; `None`, with a message, where one is missing.
pub(crate) struct Tools {
    nginx: PathBuf,
    wrk: PathBuf,
    openssl: PathBuf,
    pub curl: PathBuf,
}

impl Tools {
    pub(crate) fn find() -> Option<Self> {
        let [nginx, wrk, openssl, curl] = ["nginx", "wrk", "openssl", "curl"].map(find);
        let tools = (|| Some(Tools { nginx: nginx?, wrk: wrk?, openssl: openssl?, curl: curl? }))();
        if tools.is_none() {
            let what = "nginx, wrk, openssl or curl is missing (scripts/test installs them)";
            let required = testkit::env::variable("TEST_SERVERS_REQUIRED");
            assert!(required.is_none(), "{what}");
            eprintln!("skipped: {what}");
        }
        tools
    }
}

fn find(name: &str) -> Option<PathBuf> {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/bin", "/usr/local/sbin", "/sbin", "/bin"];
    folders.iter().map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

/// A running nginx.
pub(crate) struct Proxy {
    child: Child,
    folder: TempDir,
    pub url: String,
}

impl Proxy {
    /// Starts nginx with TLS before these servers, configured as `docs/deploy/behind-a-proxy.md`
    /// says.
    pub(crate) async fn start(tools: &Tools, servers: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let made = Command::new(&tools.openssl)
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"])
            .args(["-subj", "/CN=localhost", "-keyout", &path("key"), "-out", &path("certificate")])
            .stderr(Stdio::null())
            .status();
        assert!(made.unwrap().success());
        let servers: String = servers
            .iter()
            .map(|server| format!("server {server} max_fails=1 fail_timeout=1s;\n"))
            .collect();
        let port = free_port();
        let folder_name = folder.path().display();
        let config = format!(
            "daemon off; worker_processes 1; pid {folder_name}/pid;
            error_log {folder_name}/errors;
            events {{ worker_connections 1024; }}
            http {{
                access_log off;
                client_body_temp_path {folder_name}/body; proxy_temp_path {folder_name}/proxy;
                fastcgi_temp_path {folder_name}/f; uwsgi_temp_path {folder_name}/u;
                scgi_temp_path {folder_name}/s;
                upstream planet {{
                    {servers}
                    keepalive 32;
                    keepalive_timeout 1s;
                }}
                server {{
                    listen 127.0.0.1:{port} ssl;
                    ssl_certificate {folder_name}/certificate; ssl_certificate_key {folder_name}/key;
                    client_max_body_size 40m;
                    location / {{
                        proxy_pass http://planet;
                        proxy_http_version 1.1;
                        proxy_set_header Connection \"\";
                        proxy_set_header Host $http_host;
                        proxy_set_header X-Forwarded-Proto $scheme;
                        proxy_request_buffering off;
                        proxy_buffering off;
                        proxy_read_timeout 150s;
                    }}
                }}
            }}"
        );
        fs::write(folder.path().join("nginx.conf"), config).unwrap();
        let child = Command::new(&tools.nginx)
            .args(["-p", &path(""), "-c", &path("nginx.conf"), "-e", &path("errors")])
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let address = format!("127.0.0.1:{port}");
        eventually("nginx listens", async || std::net::TcpStream::connect(&address).ok()).await;
        Proxy { child, folder, url: format!("https://{address}") }
    }

    /// What nginx has complained about.
    pub(crate) fn errors(&self) -> String {
        fs::read_to_string(self.folder.path().join("errors")).unwrap_or_default()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _gone_already =
            Command::new("kill").args(["-s", "TERM", &self.child.id().to_string()]).status();
        let _ = self.child.wait();
    }
}

/// A running `wrk`, which requests one address over several connections.
pub(crate) struct Load(Child);

impl Load {
    pub(crate) fn start(tools: &Tools, url: &str) -> Self {
        let wrk = Command::new(&tools.wrk)
            .args(["-t", "1", "-c", "8", "-d", "600s", "--timeout", "30s", url])
            .stdout(Stdio::piped())
            .spawn();
        Load(wrk.unwrap())
    }

    /// Ends it; returns how many requests were answered, and its report.
    pub(crate) fn finish(self) -> (u64, String) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", "INT", &id]).status().unwrap().success());
        let output = self.0.wait_with_output().unwrap();
        let report = String::from_utf8(output.stdout).unwrap();
        let answered = report.lines().find_map(|line| line.split_once(" requests in "));
        let answered = answered.unwrap_or_else(|| panic!("no report: {report}")).0;
        (answered.trim().parse().unwrap(), report)
    }
}
