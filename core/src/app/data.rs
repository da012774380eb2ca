//! What an application keeps with a socket: at most one value of each type.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

/// Values by their type.
#[derive(Clone, Default)]
pub(super) struct DataMap(HashMap<TypeId, Arc<dyn Any + Send + Sync>>);

impl DataMap {
    /// Keeps a value; gives the one before.
    pub(super) fn insert<T: Any + Send + Sync>(
        &mut self,
        value: T,
    ) -> Option<Arc<dyn Any + Send + Sync>> {
        self.0.insert(TypeId::of::<T>(), Arc::new(value))
    }

    /// Whether there is a value of that type.
    pub(super) fn has(&self, wanted: TypeId) -> bool {
        self.0.contains_key(&wanted)
    }

    /// The value of that type.
    pub(super) fn find<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        let value = self.0.get(&TypeId::of::<T>())?;
        Arc::clone(value).downcast().ok()
    }
}
