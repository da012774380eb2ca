//! What a server's settings say about HTTP.

use std::time::Duration;

use sori_core::config::{Cookie, HttpCompression, SameSite};
use sori_core::{Config, Cors};

use crate::options::{
    SORI_SAME_SITE_LAX, SORI_SAME_SITE_NONE, SORI_SAME_SITE_STRICT, sori_server_options,
};
use crate::pointer;
use crate::status::Failure;

impl sori_server_options {
    /// # Safety
    /// As [`sori_server_options::config`].
    pub(crate) unsafe fn set_http(&self, config: &mut Config) -> Result<(), Failure> {
        // SAFETY: the caller's promise.
        unsafe {
            config.cors = self.cors()?;
            config.cookie = self.cookie()?;
            let path = pointer::optional_text(self.metrics_path, "options.metrics_path")?;
            config.metrics_path = path.map(str::to_owned);
        }
        let threshold = self.http_compression_threshold;
        config.http_compression =
            (threshold != usize::MAX).then_some(HttpCompression { threshold });
        Ok(())
    }

    /// # Safety
    /// As [`sori_server_options::config`].
    unsafe fn cors(&self) -> Result<Option<Cors>, Failure> {
        // SAFETY: the caller's promise.
        let (origins, methods, allowed, exposed) = unsafe {
            (
                pointer::optional_text(self.cors_origins, "options.cors_origins")?,
                pointer::optional_text(self.cors_methods, "options.cors_methods")?,
                pointer::optional_text(self.cors_allowed_headers, "options.cors_allowed_headers")?,
                pointer::optional_text(self.cors_exposed_headers, "options.cors_exposed_headers")?,
            )
        };
        let Some(origins) = origins else {
            return Ok(None);
        };
        let mut cors = match origins.trim() {
            "*" if self.cors_reflect != 0 => Cors::reflected(),
            "*" => Cors::any(),
            _ if self.cors_reflect != 0 => {
                return Err(Failure::invalid(
                    "options.cors_reflect is for cors_origins of \"*\"",
                ));
            }
            origins => Cors::origins(origins.split_ascii_whitespace()),
        };
        cors = cors.credentials(self.cors_credentials != 0);
        if let Some(methods) = methods {
            cors = cors.methods(methods.split_ascii_whitespace());
        }
        if let Some(allowed) = allowed {
            cors = cors.allowed_headers(allowed.split_ascii_whitespace());
        }
        if let Some(exposed) = exposed {
            cors = cors.exposed_headers(exposed.split_ascii_whitespace());
        }
        if self.cors_max_age_s > 0 {
            cors = cors.max_age(Duration::from_secs(self.cors_max_age_s.into()));
        }
        Ok(Some(cors))
    }

    /// # Safety
    /// As [`sori_server_options::config`].
    unsafe fn cookie(&self) -> Result<Option<Cookie>, Failure> {
        // SAFETY: the caller's promise.
        let (name, path, domain) = unsafe {
            (
                pointer::optional_text(self.cookie, "options.cookie")?,
                pointer::optional_text(self.cookie_path, "options.cookie_path")?,
                pointer::optional_text(self.cookie_domain, "options.cookie_domain")?,
            )
        };
        let Some(name) = name else {
            return Ok(None);
        };
        let same_site = match self.cookie_same_site {
            SORI_SAME_SITE_LAX => SameSite::Lax,
            SORI_SAME_SITE_STRICT => SameSite::Strict,
            SORI_SAME_SITE_NONE => SameSite::None,
            _ => {
                return Err(Failure::invalid(
                    "options.cookie_same_site is none of SORI_SAME_SITE_*",
                ));
            }
        };
        let mut cookie = Cookie::new(name)
            .secure(self.cookie_secure != 0)
            .http_only(self.cookie_http_only != 0)
            .same_site(same_site);
        if let Some(path) = path {
            cookie = cookie.path((!path.is_empty()).then_some(path));
        }
        if let Some(domain) = domain {
            cookie = cookie.domain(domain);
        }
        if self.cookie_max_age_s > 0 {
            cookie = cookie.max_age(Duration::from_secs(self.cookie_max_age_s.into()));
        }
        Ok(Some(cookie))
    }
}
